"""A tokenizer by name or path, without transformers: only its `tokenizer.json` is read, and no code of a model's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem


def load_tokenizer(name: str) -> Any:
    """The tokenizer of a file, a folder or a model on the Hub. Raises `InputError`."""
    try:
        from tokenizers import Tokenizer
    except ImportError:
        hint = "pip install tokenizers"
        raise InputError(Problem("missing-extra", "counting tokens needs the package tokenizers", hint=hint)) from None
    path = Path(name)
    if path.is_dir():
        path = path / "tokenizer.json"
    try:
        return Tokenizer.from_file(str(path)) if path.exists() else Tokenizer.from_pretrained(name)
    except Exception as error:  # the library raises bare exceptions of Rust's
        said = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        hint = "name a tokenizer.json, a folder that holds one, or a model on the Hub that has one"
        message = f"the tokenizer '{name}' cannot be read: {said}"
        raise InputError(Problem("bad-tokenizer", message, hint=hint)) from None
