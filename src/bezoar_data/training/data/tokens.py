"""The tokens of a tokenizer that are not plain text, and those that a recipe gives it."""

from __future__ import annotations

import re
from typing import Any

from bezoar_data.config.errors import raise_errors
from bezoar_data.config.files.recipe import LoadedRecipe
from bezoar_data.config.problems import Problem, did_you_mean

_PLAIN = re.compile(r"\s+|</?[a-z][a-z0-9]*>|▁+")
"""Added tokens that stand for the text they are: white space and HTML, as Gemma and GPT-NeoX have."""


def own_tokens(tokenizer: Any) -> dict[str, bool]:
    """The texts that become a token of their own wherever they stand, and of each whether it is special."""
    added = {token.content: bool(token.special) for token in tokenizer.added_tokens_decoder.values()}
    return added | dict.fromkeys(filter(None, tokenizer.all_special_tokens), True)


def guarded_tokens(tokenizer: Any, source: str, end: str) -> re.Pattern[str]:
    """Finds what must not stand in a row's own text: special and added tokens, but for those that are plain text."""
    tokens = own_tokens(tokenizer).items()
    found = [end, *(t for t, special in tokens if special or t in source or not _PLAIN.fullmatch(t))]
    found = [t for t in found if t.strip()]
    return re.compile("|".join(map(re.escape, sorted(set(found), key=len, reverse=True))) or r"(?!)")


def token_after(tokenizer: Any, text: str) -> str | None:
    """The token that a text begins with, white space aside."""
    text = text.lstrip()
    found = [token for token in own_tokens(tokenizer) if token.strip() and text.startswith(token)]
    return max(found, key=len, default=None)


def with_recipes_tokens(recipe: LoadedRecipe, tokenizer: Any) -> Any:
    """The tokenizer with the tokens that the recipe adds, and its end of text. Raises `InputError`."""
    file, document = recipe.file, recipe.document
    known = {*tokenizer.get_vocab()}
    new = [token for token in file.add_tokens if token not in known]
    if new:
        tokenizer.add_special_tokens({"extra_special_tokens": new}, replace_extra_special_tokens=False)
    wanted = {"eos_token": file.eos_token, "end_of_turn": file.end_of_turn}
    tokens = own_tokens(tokenizer)
    raise_errors(
        Problem(
            "unknown-token",
            f"the base's tokenizer has no token {token!r} of its own",
            document.place((key,)),
            f"{did_you_mean(token, sorted(tokens))}; 'add_tokens: [{token!r}]' gives it one",
        )
        for key, token in wanted.items()
        if token is not None and token not in tokens
    )
    if file.eos_token is not None:
        tokenizer.eos_token = file.eos_token
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    return tokenizer
