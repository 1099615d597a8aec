"""The source of a chat template as a stage trains with it and leaves it: the base's own, TRL's, or a file's.

What training needs beside it is written into the template itself, so that whoever renders the saved one gets the ids
that were trained on: the token that begins every text, a system message under a template that refuses one, the same
date every day, and whether the assistant thinks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.recipe import TOKENIZERS_OWN, TRLS, LoadedRecipe
from bezoar_data.config.problems import Place, Problem, did_you_mean

_DATE = "26 Jul 2024"
"""What a template that writes today's date writes instead, as Llama 3.1's does: else a stage would be another one
tomorrow."""

_NO_THOUGHT = "{%- if enable_thinking is not defined -%}{%- set enable_thinking = false -%}{%- endif %}{{ '' }}"
_SYSTEM_FIRST = (
    "{%- if messages | length > 1 and messages[0]['role'] == 'system' and messages[1]['role'] == 'user' -%}"
    "{%- set messages = [{'role': 'user', 'content': messages[0]['content'] + '\\n\\n' + messages[1]['content']}]"
    " + messages[2:] -%}{%- endif %}{{ '' }}"
)
_SAME_DATE = f"{{%- macro strftime_now(format) -%}}{_DATE}{{%- endmacro %}}{{{{ '' }}}}"
_BOS = "{{ bos_token }}"

Render = Callable[[str, Sequence[dict[str, str]]], str]
"""Turns as the text of a template. Raises jinja2's `TemplateError`."""


def read_source(recipe: LoadedRecipe, tokenizer: Any) -> tuple[str, Place]:
    """The template that a recipe names, and where it does. Raises `InputError`."""
    name = recipe.file.template
    place = recipe.document.place(("template",))
    if name.startswith(TRLS):
        return trls(name.removeprefix(TRLS), place), place
    if name != TOKENIZERS_OWN:
        return recipe.resolve(name).read_text("utf-8"), place
    source, place = tokenizer.chat_template, recipe.document.place(("base",), key=True)
    if isinstance(source, dict):
        source = source.get("default")
    if not isinstance(source, str):
        hint = f"name a .jinja file as 'template', or one of TRL's, such as {TRLS}qwen3"
        raise InputError(Problem("bad-template", "the base's tokenizer has no chat template", place, hint))
    return source, place


def trls(name: str, place: Place) -> str:
    """A chat template that comes with TRL: the one it trains with, where it has one of its own for that."""
    found = find_spec("trl")
    folder = Path(found.origin).parent / "chat_templates" if found is not None and found.origin else Path()
    files = {file.name: file for file in folder.glob("*.jinja")}
    for ending in ("_training.jinja", ".jinja"):
        if name + ending in files:
            return files[name + ending].read_text("utf-8")
    hint = did_you_mean(name, sorted(file.stem for file in files.values() if not file.match("*_training.jinja")))
    raise InputError(Problem("unknown-template", f"TRL has no chat template '{name}'", place, hint))


def complete(source: str, tokenizer: Any, render: Render) -> tuple[str, list[str]]:
    """The source with what is missing in it, and what a person should know of that, as sentences."""
    first, notes = "", []
    bos = tokenizer.bos_token
    if bos and "bos_token" not in source and tokenizer("a").input_ids[:1] == [tokenizer.bos_token_id]:
        try:
            writes = render(source, _turns("user", "assistant")).startswith(bos)
        except Exception:  # what is wrong with the template is told where it is checked
            writes = True
        if not writes:
            first += _BOS
            notes.append(f"the template does not begin with {bos}, as the tokenizer's texts do; the saved one does")
    if "strftime_now" in source:
        first = _SAME_DATE + first
        notes.append(f"the template writes today's date; trained and saved, it writes {_DATE}")
    if _refuses_system(source, render):
        first = _SYSTEM_FIRST + first
        notes.append("the template refuses a system message; here it is put at the start of the first user's turn")
    return first + source, notes


def without_thought(source: str) -> str:
    """The template of a model that does not think unless it is told to."""
    return _NO_THOUGHT + source


def has_marks(source: str) -> bool:
    """Whether the template marks what the assistant says."""
    return re.search(r"{%[-+]?\s*generation\s*[-+]?%}", source) is not None


def _refuses_system(source: str, render: Render) -> bool:
    try:
        render(source, _turns("user", "assistant"))
    except Exception:  # it is refused as a whole, elsewhere
        return False
    try:
        render(source, _turns("system", "user", "assistant"))
    except Exception:  # jinja2 hands on whatever happens in a template
        return True
    return False


def _turns(*roles: str) -> list[dict[str, str]]:
    return [{"role": role, "content": "one"} for role in roles]
