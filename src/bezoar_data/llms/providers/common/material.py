"""What a judge is shown, taken out of its question again, for providers that judge without being told how."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from bezoar_data.llms.ask import Message

_TAGS = ("system_message", "instruction", "response", "reference")
# As `steps.judges.blocks` writes them: our own tags inside a piece are escaped, so the next closing one ends it.
_PIECE = re.compile(rf"^<({'|'.join(_TAGS)})>\n(.*?)\n</\1>$", re.DOTALL | re.MULTILINE)
_ESCAPED = re.compile(rf"&lt;(?=\s*/?\s*(?:{'|'.join(_TAGS)})\b)", re.IGNORECASE)


def material_of(messages: Sequence[Message]) -> Mapping[str, str] | None:
    """The pieces shown to a judge, by tag, as they were before they were escaped; None where no response is."""
    for message in messages:
        pieces = {tag: _ESCAPED.sub("<", piece) for tag, piece in _PIECE.findall(message["content"])}
        if message["role"] == "user" and {"instruction", "response"} <= pieces.keys():
            return pieces
    return None
