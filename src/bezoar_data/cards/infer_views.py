"""Views worked out from the names of columns, where nobody wrote any: the usual names of published sets."""

from __future__ import annotations

from collections.abc import Collection, Mapping

Columns = Mapping[str, str]
"""The column of each role of a view."""

_PROMPT = ("prompt", "instruction", "question", "query", "problem", "inputs", "user", "input")
_USUAL: Mapping[str, tuple[str, ...]] = {
    "system": ("system", "system_prompt", "system_message"),
    "prompt": _PROMPT,
    "context": ("context", "input", "passage"),
    "response": ("response", "output", "answer", "completion", "explained_targets", "solution", "reply", "targets"),
    "messages": ("messages", "conversations", "conversation", "dialogue", "dialog", "turns", "chat"),
    "chosen": ("chosen",),
    "rejected": ("rejected",),
    "margin": ("margin",),
    "tools": ("tools",),
}
ROLES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "preference": (("chosen", "rejected"), ("prompt", "context", "system", "margin", "tools")),
    "messages": (("messages",), ("tools",)),
    "sft": (("prompt", "response"), ("context", "system", "tools")),
}
"""What a view must have and may have, by its kind, the kind to prefer first."""


def infer_view(columns: Collection[str], given: Columns | None = None) -> tuple[str, dict[str, str]] | None:
    """The kind of a view over these columns, with the column of each role; None where the names tell of none.

    `given` are columns that a person named, whatever they are called: they decide the kind, and the rest is worked out.
    """
    given = given or {}
    for kind, (needed, optional) in ROLES.items():
        if not set(given) <= {*needed, *optional}:
            continue
        found: dict[str, str] = {}
        for role in (*needed, *optional):
            taken = {*found.values(), *given.values()}
            usual = (name for name in _USUAL[role] if name in columns and name not in taken)
            column = given.get(role) or next(usual, None)
            if column is not None:
                found[role] = column
        if all(role in found for role in needed):
            return kind, {role: found[role] for role in _USUAL if role in found}
    return None
