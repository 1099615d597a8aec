"""A row's whole story: where it came from, what was asked and answered for it, what was decided, what it took.

Nothing was written down for it: the lineage of a row names the journal's keys of its answers, the lock the steps and
their settings, and the journal holds what was sent and said. Each story reads what it needs of them and no more, so
that one row of a million is told as quickly as one of ten, and all rows are told one after the other.

    with Stories.open(Path("runs/orca")) as stories:
        for row in stories.files.by_id("3f9d2c51", most=1):
            print(stories.of(row).as_json())
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.value_class import value_class
from bezoar_data.llms.ask import Message
from bezoar_data.llms.journal.entry import REDACTED, Entry
from bezoar_data.llms.journal.reader import JournalReader
from bezoar_data.llms.reading.answer import REASONING
from bezoar_data.reports.rows.files import FoundRow, RowFiles
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.ingredients import Ingredients
from bezoar_data.runs.outline import Outline, step_of
from bezoar_data.runs.published import beside, dataset_folder
from bezoar_data.runs.row import MADE_FROM_MANY, SOURCES, Drop, Lineage, digest, made_id

Known = Literal["answered", "refused", "redacted", "missing"]


@value_class(frozen=True, slots=True, kw_only=True)
class Call:
    """One answer behind a row, with what was sent for it. `field` is the step's field that was asked, where it asks
    several models. Of one that is `missing` nothing but key and model are known: no journal at hand holds it."""

    key: str
    field: str
    model: str
    known: Known
    messages: tuple[Message, ...] | None = None
    text: str | None = None
    thinking: str | None = None
    finish_reason: str = ""
    error: str | None = None
    detail: str = ""
    max_tokens: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    """US dollars; None where no price was known."""
    asked_at: float | None = None
    seconds: float | None = None
    """From asking to answer, standing in line included."""


Ends = Literal["read", "made", "kept", "dropped", "of its parents"]


@value_class(frozen=True, slots=True, kw_only=True)
class StepStory:
    """A row at a step. `ends` says what became of it there: the source `read` it, a step `made` it, the others `kept`
    or `dropped` it; what was asked `of its parents` was asked before the row was there."""

    step: str
    use: str
    ends: Ends
    reason: str = ""
    detail: str = ""
    raw: str | None = None
    flags: tuple[Drop, ...] = ()
    soft_failures: tuple[Drop, ...] = ()
    calls: tuple[Call, ...] = ()


@value_class(frozen=True, slots=True, kw_only=True)
class Story:
    """`steps` are those that the row surely passed, in the pipeline's order. `known_parents` are the parents that are
    rows of the run themselves; what a step took in as material is not."""

    row: FoundRow
    sources: tuple[str, ...]
    made_by: str | None
    steps: tuple[StepStory, ...]
    known_parents: tuple[FoundRow, ...] = ()

    @property
    def calls(self) -> list[Call]:
        return [call for step in self.steps for call in step.calls]

    @property
    def cost(self) -> float | None:
        """Of all answers behind the row, those that it shares with others as a whole. None where a price was not
        known."""
        if any(call.cost is None and call.known == "answered" for call in self.calls):
            return None
        return sum((call.cost or 0.0 for call in self.calls), 0.0)  # some refusals are paid for, too

    @property
    def tokens(self) -> tuple[int, int]:
        """Those sent and those answered."""
        calls = self.calls
        return sum(c.prompt_tokens or 0 for c in calls), sum(c.completion_tokens or 0 for c in calls)

    @property
    def missing(self) -> int:
        """How many of its answers no journal at hand holds."""
        return sum(call.known == "missing" for call in self.calls)

    def as_json(self) -> dict[str, Any]:
        lineage = self.row.lineage
        prompt, completion = self.tokens
        return {
            **self.row.as_json(),
            "content_hash": self.row.content_hash,
            "sources": list(self.sources),
            "seed_ids": list(lineage.seed_ids),
            "parent_ids": list(lineage.parent_ids),
            "made_by": self.made_by,
            "demo": lineage.demo,
            "steps": [_step_json(step) for step in self.steps],
            "parents": [parent.as_json() for parent in self.known_parents],
            "answers": len(self.calls),
            "missing": self.missing,
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "cost": self.cost,
        }


class Stories:
    """Tells the stories of one run's rows. `files` finds rows; `journal` is where answers are looked up, None where a
    run left no word of one."""

    def __init__(self, files: RowFiles, outline: Outline, answers: JournalReader, journal: Path | None) -> None:
        self.files = files
        self.outline = outline
        self.journal = journal
        self._answers = answers
        self._steps = {step.id: step for step in outline.steps}
        self._places = {step.id: i for i, step in enumerate(outline.steps)}
        self._after: dict[str, list[str]] = {step.id: [] for step in outline.steps}
        for step in outline.steps:
            for name in step.after:
                self._after.setdefault(name, []).append(step.id)
        self._many = {MADE_FROM_MANY + int(digest(step.id, length=6), 16): step.id for step in outline.steps}
        self._guess = ""

    @classmethod
    def open(cls, run: Path, journal: Path | None = None) -> Stories:
        """The stories of a run's folder or a pulled dataset, with the answers of its journal, of `journal` if one is
        named, else those that were published with it. Raises `InputError`."""
        dataset = dataset_folder(run)
        if journal is not None and not journal.is_file():
            message = f"there is no journal at {journal}"
            raise InputError(
                Problem("no-journal", message, Place(str(journal)), "name one that is there with --journal")
            )
        found = _ingredients(dataset)
        answers = found.answers if found is not None else ()
        journal = journal or (found.journal if found is not None else None)
        outline = Outline.read(dataset / "lock.json")
        return cls(RowFiles.of(run), outline, JournalReader(journal, answers), journal)

    def all(self) -> Iterator[Story]:
        """Every row's story, kept rows first. Parents are named by their ids alone."""
        return (self.of(row) for row in self.files.all())

    def of(self, row: FoundRow, *, with_parents: bool = False) -> Story:
        """A row's story; `with_parents` looks for the rows that it was made from, which reads all ids of the run."""
        lineage = row.lineage
        made_by = self._made_by(lineage)
        sources = tuple(name for name in lineage.source.split(SOURCES) if name)
        parents = self.files.by_ids(lineage.parent_ids) if with_parents and lineage.parent_ids else []
        steps = tuple(self._told(lineage, made_by, sources))
        return Story(row=row, sources=sources, made_by=made_by, steps=steps, known_parents=tuple(parents))

    def close(self) -> None:
        self._answers.close()

    def __enter__(self) -> Stories:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _told(self, lineage: Lineage, made_by: str | None, sources: Sequence[str]) -> Iterator[StepStory]:
        read_by = self.outline.read_by
        begins = made_by or next((read_by[name] for name in sources if name in read_by), None)
        asked: dict[str, list[str]] = {}
        for name in lineage.keys:
            asked.setdefault(step_of(name, self._steps), []).append(name)
        passed = self._passed(begins, lineage.drop)
        said = {drop.step for drop in (*lineage.flags, *lineage.soft_failures, *filter(None, [lineage.drop]))}
        for step in sorted({*passed, *asked, *said}, key=lambda name: self._places.get(name, len(self._places))):
            yield self._at(step, asked.get(step, ()), lineage, begins, made_by)

    def _at(
        self, step: str, asked: Sequence[str], lineage: Lineage, begins: str | None, made_by: str | None
    ) -> StepStory:
        drop = lineage.drop if lineage.drop is not None and lineage.drop.step == step else None
        before = made_by is not None and self._places.get(step, 0) < self._places.get(made_by, 0)
        ends: Ends = "of its parents" if before else "kept"
        if step == begins:
            ends = "made" if made_by else "read"
        return StepStory(
            step=step,
            use=self._steps[step].use if step in self._steps else "",
            ends="dropped" if drop else ends,
            reason=drop.reason if drop else "",
            detail=drop.detail if drop else "",
            raw=drop.raw if drop else None,
            flags=tuple(flag for flag in lineage.flags if flag.step == step),
            soft_failures=tuple(failure for failure in lineage.soft_failures if failure.step == step),
            calls=tuple(self._calls(step, asked, lineage)),
        )

    def _calls(self, step: str, asked: Sequence[str], lineage: Lineage) -> Iterator[Call]:
        for name in asked:
            model = lineage.models.get(name, "")
            yield from (self._call(key, step, name, model) for key in lineage.keys[name])

    def _call(self, key: str, step: str, name: str, model: str) -> Call:
        field = name.removeprefix(step).removeprefix(".")
        entry = self._answers.find(key, self.outline.limits.get((step, model))) if key else None
        if entry is None:
            return Call(key=key, field=field, model=model, known="missing")
        return _call_of(entry, field)

    def _passed(self, begins: str | None, drop: Drop | None) -> list[str]:
        """The steps from the first on, as far as there is one way alone."""
        passed: list[str] = []
        step = begins if begins in self._steps else None
        while step is not None:
            passed.append(step)
            if drop is not None and drop.step == step:
                break
            further = self._after[step]
            step = further[0] if len(further) == 1 else None
        return passed

    def _made_by(self, lineage: Lineage) -> str | None:
        """The step that made the row: the one whose name gives the row its id, as an id is a hash of parents, step and
        place."""
        parents, order = lineage.parent_ids, lineage.order
        if not parents or not order:
            return None
        if (many := self._many.get(order[0])) is not None and self._many_id(lineage, many):
            return many
        guesses: Mapping[str, None] = dict.fromkeys([*([self._guess] if self._guess else []), *self._steps])
        for step in guesses:
            if any(made_id(parents, step, k) == lineage.id for k in reversed(order)):
                self._guess = step
                return step
        return None

    def _many_id(self, lineage: Lineage, step: str) -> bool:
        ends = range(len(lineage.order), 1, -1)
        return any(digest("made", lineage.parent_ids, step, list(lineage.order[1:end])) == lineage.id for end in ends)


def _ingredients(dataset: Path) -> Ingredients | None:
    """Where its answers are; None where no word of that can be read: its rows are then told without them."""
    try:
        if (published := Ingredients.published(dataset)) is not None:
            return published
        note = beside(dataset, RunFolder(dataset).made_from.name)
        return Ingredients.of_run(RunFolder(note.parent)) if note is not None else None
    except InputError:
        return None


def _call_of(entry: Entry, field: str) -> Call:
    known: Known = "answered"
    if entry.error is not None:
        known = "redacted" if entry.error == REDACTED else "refused"
    return Call(
        key=entry.key,
        field=field,
        model=entry.model,
        known=known,
        messages=None if entry.messages is None else tuple(entry.messages),
        text=entry.text,
        thinking=entry.extra.get(REASONING),
        finish_reason=entry.finish_reason,
        error=entry.error,
        detail=entry.detail,
        max_tokens=entry.max_tokens,
        prompt_tokens=entry.prompt_tokens,
        completion_tokens=entry.completion_tokens,
        cost=entry.cost,
        asked_at=entry.asked_at or None,
        seconds=round(entry.answered_at - entry.asked_at, 3) if entry.asked_at else None,
    )


def _step_json(step: StepStory) -> dict[str, Any]:
    return {
        **{name: getattr(step, name) for name in ("step", "use", "ends", "reason", "detail", "raw")},
        "flags": [flag.to_json() for flag in step.flags],
        "soft_failures": [failure.to_json() for failure in step.soft_failures],
        "calls": [{name: getattr(call, name) for name in call.__dataclass_fields__} for call in step.calls],
    }
