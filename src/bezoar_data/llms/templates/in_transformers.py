"""transformers' chat templates, rendered in our bounds wherever a tokenizer is asked: here, in TRL, in the harness.

transformers compiles a template in one function and renders it in another. The first is replaced: what it gives renders
in the process of `child.py`. Templates are parsed here still, which runs nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import jinja2

from bezoar_data.llms.templates.bounded import parsed, render


class BoundedTemplate:
    """A compiled template, as transformers uses one."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.environment = _Parsing()
        render(source, None)  # a template that cannot be compiled is told now, as transformers does

    def render(self, **values: Any) -> str:
        return render(self._source, values).text

    def generate(self, **values: Any) -> Iterator[str]:
        made = render(self._source, values)
        self.environment.spans.extend(made.spans)
        yield made.text


class _Parsing:
    """What transformers wants of a template's environment."""

    def __init__(self) -> None:
        self.spans: list[Any] = []

    def parse(self, source: str) -> jinja2.nodes.Template:
        return parsed(source)

    @contextmanager
    def activate_tracker(self, pieces: list[str], spans: list[Any]) -> Iterator[None]:
        self.spans = spans
        try:
            yield
        finally:
            self.spans = []


def bound_templates() -> None:
    """From now on transformers renders every chat template in bounds."""
    from transformers.utils import chat_template_utils

    if chat_template_utils._compile_jinja_template.__module__ != __name__:
        chat_template_utils._compile_jinja_template = _compiled


@lru_cache(maxsize=32)
def _compiled(chat_template: str) -> BoundedTemplate:
    return BoundedTemplate(chat_template)
