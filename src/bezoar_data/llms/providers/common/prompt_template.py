"""Chat messages as one text, for endpoints that take a prompt instead of messages.

A template is Jinja, as tokenizers carry it. It is a stranger's program, and runs in bounds (`llms/templates`).
`raise_exception` is how templates say which messages they do not take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jinja2

from bezoar_data.llms.ask import Message
from bezoar_data.llms.retry_policy import Refusal
from bezoar_data.llms.templates.bounded import TemplateStopped, parsed, render

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
"""With `PLAIN`, a model that is not a chat model would go on and write the user's next lines too."""

_ABSENT = {"tools": None, "documents": None, "bos_token": "", "eos_token": ""}
"""What templates of tokenizers look at. The marks of begin and end are the endpoint's to add."""


class PromptTemplate:
    """Renders messages to a prompt. Raises `ValueError` for a text that is not a template."""

    def __init__(self, text: str = PLAIN) -> None:
        self._source = text
        self._own = jinja2.Environment(keep_trailing_newline=True).from_string(PLAIN) if text is PLAIN else None  # noqa: S701
        try:
            if self._own is None:
                parsed(text, "plain")
                render(text, None, "plain")
        except (jinja2.TemplateError, TemplateStopped) as error:
            raise ValueError(str(error)) from None

    @property
    def is_foreign(self) -> bool:
        """Whether it is somebody else's, and rendered in a process of its own."""
        return self._own is None

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt up to where the answer begins. Raises `Refusal` when the template does not take the messages."""
        values: dict[str, Any] = {"messages": [dict(m) for m in messages], "add_generation_prompt": True, **_ABSENT}
        if self._own is not None:
            return self._own.render(values)
        try:
            return render(self._source, values, "plain").text
        except Exception as error:  # a stranger's program may fail in any way, and always fails so
            raise Refusal(422, f"the chat template does not take these messages: {error}") from None
