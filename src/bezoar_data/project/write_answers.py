"""Write the recorded answers of `pipelines/models/offline.yaml`, or say that they are not current.

They are made from the answers written by hand that lie beside them, one file for each pipeline.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.generated import keep_current, parser
from bezoar_data.config.shipped import shipped_folder
from bezoar_data.llms.journal.entry import Entry
from bezoar_data.plan.by_hand import entries_by_hand

_FIELDS = ("key", "text", "finish_reason", "provider", "model", "step", "prompt_tokens", "completion_tokens", "cost")
"""What a line tells of an entry. Nothing was sent, so there are no messages and no times."""


def recorded(folder: Path, models: Path) -> str:
    """The text of the file of recorded answers, as `journal export` would write it. Raises `InputError` where questions
    and answers do not fit together."""
    entries = (entry for path in sorted(folder.glob("*.yaml")) for entry in entries_by_hand(path, models))
    return "".join(_line(entry) + "\n" for entry in entries)


def _line(entry: Entry) -> str:
    return json.dumps({name: getattr(entry, name) for name in _FIELDS}, ensure_ascii=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the recorded answers with the answers written by hand, or write them."""
    options = parser("bezoar_data.project.write_answers", main.__doc__).parse_args(arguments)
    pipelines = shipped_folder() / "pipelines"
    target = pipelines / "answers" / "offline.jsonl"
    if options.write:
        target.touch()  # the models file names it
    try:
        text = recorded(target.parent, pipelines / "models" / "offline.yaml")
    except InputError as error:
        raise SystemExit(f"{target}: {error}") from None
    return keep_current(target, text, write=options.write)


if __name__ == "__main__":
    raise SystemExit(main())
