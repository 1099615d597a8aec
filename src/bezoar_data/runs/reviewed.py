"""`review.parquet`: every answer that a person gave to a row of the run, as it stood when it was last pulled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.measures.helpsteer_scales import SCALES
from bezoar_data.runs.parquet import readable, rows_of
from bezoar_data.runs.row import digest

if TYPE_CHECKING:
    import pyarrow as pa

VERDICT_COLUMNS = (
    "review_status",
    "review_preference",
    "review_people",
    "review_response",
    "review_corrects",
    "final_status",
)
"""What any review adds to a dataset."""
SIDES = ("", "a_", "b_")
"""Of which response a rating is: of a row's only one, or of one of two."""
DROPPED, STRENGTH = "review_dropped", "review_strength"


def level_column(side: str, scale: str) -> str:
    return f"review_{side}{scale}"


RATED_COLUMNS = (DROPPED, *(level_column(side, scale) for side in SIDES for scale in SCALES), STRENGTH)
"""What ratings by a protocol may add."""
REVIEW_COLUMNS = (*VERDICT_COLUMNS, *RATED_COLUMNS)
"""All that people's answers may add to a dataset. What a row says itself, and its hash, are not changed by it."""
REVIEW_TEXTS = ({*VERDICT_COLUMNS} | {DROPPED}) - {"review_people"}
"""Those of them that are text; the others are whole numbers."""

_TEXT = ("id", "content_hash", "dataset", "record", "response", "annotator", "status", "verdict", "preference")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What people said of one row, together: the submitted answers. `status` and `preference` are None where they are
    divided evenly. `response` is the corrected response, `corrects` the column that it puts right."""

    people: int
    status: str | None
    preference: str | None
    response: str | None
    corrects: str | None
    licence: str | None
    """Under which the corrected response may be used, as its author was told."""
    even: bool
    answers: tuple[Mapping[str, Any], ...]

    @property
    def divided(self) -> bool:
        """Whether several people said as often this as that."""
        return self.people > 1 and self.undecided

    @property
    def undecided(self) -> bool:
        """Whether verdicts or preferences were given, and come to none."""
        said = any(answer["verdict"] or answer["preference"] for answer in self.answers)
        return said and self.status is None and self.preference is None


def verdicts_of(reviewed: Iterable[Reviewed]) -> list[dict[str, str | None]]:
    """What each person said of each row, by their names: verdicts, and apart from them preferences, as one person may
    have given both of a row."""
    return [
        {answer["annotator"]: answer[kind] for answer in one.answers if answer[kind]}
        for one in reviewed
        for kind in ("verdict", "preference")
    ]


def licences_of(reviewed: Iterable[Reviewed]) -> dict[str, int]:
    """How many rows were corrected under which licence; `unknown` where people were told none."""
    return dict(sorted(Counter(one.licence or "unknown" for one in reviewed if one.response is not None).items()))


def corrected(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A dataset's row with the response that a person wrote in the place of the one it corrects; the row itself where
    there is none. Of a conversation it is the last turn."""
    said, column = row.get("review_response"), str(row.get("review_corrects"))
    if not said or column not in row:
        return row
    value = row[column]
    if not isinstance(value, list):
        return {**row, column: said}
    last = value[-1] if value and isinstance(value[-1], Mapping) else {}
    key = "content" if "content" in last else "value"
    if key not in last or last.get("role", last.get("from")) in ("user", "human"):
        return row
    # Thinking before another answer is not thinking before this one.
    turn = {**last, key: said, **({"reasoning_content": None} if "reasoning_content" in last else {})}
    return {**row, column: [*value[:-1], turn]}


_REMEDY = "move it away, then pull the reviews again"
_NEEDED = (
    "id", "content_hash", "dataset", "annotator", "response", "status", "verdict", "preference", "column",
    "corrected_response", "updated_at", "even", "edited",
)  # fmt: skip


def read_answers(path: Path) -> list[dict[str, Any]]:
    """All pulled answers; none where nothing was pulled."""
    if not path.exists():
        return []
    answers = list(rows_of(path, needs=_NEEDED, remedy=_REMEDY))
    _refuse_other_types(path)
    return answers


def _refuse_other_types(path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with readable(path, _REMEDY):
        there = pq.read_schema(path)
    wanted = _schema()
    for field in there:
        if field.name in wanted.names and field.type not in (wanted.field(field.name).type, pa.null()):
            said = f"{path.name} is damaged: the column '{field.name}' holds {field.type}"
            raise InputError(Problem("damaged-file", said, Place(str(path)), _REMEDY))


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            *((name, pa.string()) for name in _TEXT),
            ("column", pa.string()),
            ("ratings", pa.string()),
            ("corrected_response", pa.string()),
            ("licence", pa.string()),
            ("protocol", pa.string()),
            ("prompt", pa.string()),
            ("comment", pa.string()),
            ("other", pa.string()),
            ("inserted_at", pa.string()),
            ("updated_at", pa.string()),
            ("weight", pa.float64()),
            ("even", pa.bool_()),
            ("edited", pa.bool_()),
            ("removed", pa.bool_()),
        ]
    )


def answers_hash(answers: Sequence[Mapping[str, Any]]) -> str:
    """The hash of all answers, whatever order and file they stand in."""
    return digest("answers", *sorted((dict(a) for a in answers), key=_place), length=64)


def _place(answer: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(str(answer[name]) for name in ("id", "dataset", "annotator", "response"))


def write_answers(path: Path, answers: Sequence[Mapping[str, Any]]) -> bool:
    """Write them, in one order; whether anything changed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    ordered = sorted((dict(a) for a in answers), key=_place)
    if path.exists() and read_answers(path) == ordered:
        return False
    beside = path.with_name(f".{path.name}.new")
    pq.write_table(pa.Table.from_pylist(ordered, schema=_schema()), beside)
    beside.replace(path)
    return True


def by_row(answers: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Reviewed]:
    """What people said of each row as it was when they saw it: by id and content hash. Answers to records that were
    edited in Argilla are not about the row, and do not count; of several by one person, as when a review was pushed
    anew, the latest does."""
    found: dict[tuple[str, str], dict[tuple[str, bool], Mapping[str, Any]]] = defaultdict(dict)
    for answer in sorted(answers, key=lambda a: (a["updated_at"], a["response"])):
        if answer["status"] == "submitted" and not answer["edited"]:
            who = (answer["annotator"], answer["preference"] is not None)
            found[answer["id"], answer["content_hash"]][who] = answer
    return {key: _together(list(given.values())) for key, given in found.items()}


def _together(given: Sequence[Mapping[str, Any]]) -> Reviewed:
    status = most_said(a["verdict"] for a in given)
    corrected = [a for a in given if (a["corrected_response"] or "").strip()]
    latest = max(corrected, key=lambda a: (a["updated_at"], a["response"]), default=None)
    return Reviewed(
        people=len({a["annotator"] for a in given}),
        status={"accept": "Accept", "reject": "Reject"}.get(status or ""),
        preference=most_said(a["preference"] for a in given),
        response=latest["corrected_response"] if latest else None,
        corrects=latest["column"] if latest else None,
        licence=latest.get("licence") if latest else None,
        even=any(a["even"] for a in given),
        answers=tuple(given),
    )


def most_said(said: Iterable[str | None]) -> str | None:
    """What was said most often; None where nothing was, or several things as often."""
    counts = Counter(one for one in said if one).most_common(2)
    if not counts or (len(counts) == 2 and counts[0][1] == counts[1][1]):
        return None
    return str(counts[0][0])
