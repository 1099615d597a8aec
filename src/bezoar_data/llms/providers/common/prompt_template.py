"""Chat messages as one text, for endpoints that take a prompt instead of messages.

A template is Jinja, as tokenizers carry it. It is a stranger's program: it runs in the immutable sandbox and sees the
messages as values. `raise_exception` is how templates say which messages they do not take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bezoar_data.llms.ask import Message
from bezoar_data.llms.retry_policy import Refusal

PLAIN = """\
{%- for message in messages -%}
{%- if message.role == 'system' -%}{{ message.content }}
{%- elif message.role == 'user' -%}User: {{ message.content }}
{%- else -%}Assistant: {{ message.content }}
{%- endif %}

{% endfor -%}
Assistant:"""
"""Used where the models file gives none: who speaks, a colon, what is said, an empty line."""

PLAIN_STOP = ("\nUser:",)
"""With `PLAIN`, a model that is no chat model would go on and write the user's next lines too."""

_ABSENT = {"tools": None, "documents": None, "bos_token": "", "eos_token": ""}
"""What templates of tokenizers look at. The marks of begin and end are the endpoint's to add."""


class PromptTemplate:
    """Renders messages to a prompt. Raises `ValueError` for a text that is no template."""

    def __init__(self, text: str = PLAIN) -> None:
        # Blocks are trimmed as transformers does it: templates are written for that.
        plain = text is PLAIN
        environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined,
            trim_blocks=not plain,
            lstrip_blocks=not plain,
            keep_trailing_newline=True,
            extensions=["jinja2.ext.loopcontrols"],
        )
        environment.globals["raise_exception"] = _raise
        try:
            self._template = environment.from_string(text)
        except TemplateError as error:
            raise ValueError(str(error)) from None

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt up to where the answer begins. Raises `Refusal` when the template does not take the messages."""
        values: dict[str, Any] = {"messages": [dict(m) for m in messages], "add_generation_prompt": True, **_ABSENT}
        try:
            return self._template.render(values)
        except Exception as error:  # a stranger's program may fail in any way, and always fails so
            raise Refusal(422, f"the chat template does not take these messages: {error}") from None


def _raise(message: Any = "") -> None:
    raise ValueError(str(message))
