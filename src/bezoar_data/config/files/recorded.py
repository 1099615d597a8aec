"""`answers:` of a models file and of a pipeline file: files of recorded answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from bezoar_data.config.paths import similar_file_hint
from bezoar_data.config.problems import Problem
from bezoar_data.config.yaml.document import Document

AnswersFiles = tuple[Annotated[str, Field(min_length=1)], ...]

ANSWERS: Any = Field(
    default=(),
    description="Files of recorded answers, as `journal export` writes them (.jsonl, .jsonl.gz, .jsonl.zst): paths "
    "relative to this file. They serve where the journal has no answer.",
    examples=[["answers.jsonl.gz"]],
)


def missing_answers(document: Document, files: Sequence[Path]) -> Iterator[Problem]:
    """Those of the files that are not there, at their places in `document`."""
    for i, path in enumerate(files):
        if not path.is_file():
            hint = similar_file_hint(path) or "`bezoar-data journal export --to FILE` writes one"
            yield document.problem("missing-file", f"there is no file of answers {path}", ("answers", i), hint=hint)
