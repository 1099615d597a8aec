"""How a finished run ended: in plain lines for a terminal, as JSON for machines, and for a notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.config.files.models import LOCAL_PROVIDER
from bezoar_data.config.sanitize import clean_text
from bezoar_data.config.words import many
from bezoar_data.engine.run import Result
from bezoar_data.llms.redact import redact
from bezoar_data.llms.refusals import REFUSALS, refusal_rule
from bezoar_data.llms.weights.named import known_weights
from bezoar_data.reports.judged import judged_lines
from bezoar_data.reports.page import element, piece, table
from bezoar_data.reports.review_report import UNSIGNED, review_lines
from bezoar_data.reports.rows.files import RowFiles
from bezoar_data.reports.rows.html import ROWS_STYLE, rows_table
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.record import as_json

if TYPE_CHECKING:
    from datasets import DatasetDict


@dataclass(frozen=True, slots=True)
class RunReport:
    """A finished run. `print` it for a summary; a notebook shows it by itself."""

    result: Result
    seconds: float
    """What it took in all, with checking files and loading libraries and models; `result.seconds` is for the rows."""
    page: Path | None = None
    no_page: str = ""
    """Why there is none."""

    @property
    def exit_code(self) -> int:
        """0, or 1 when more rows failed than the pipeline tolerates."""
        return self.result.exit_code

    @property
    def failure(self) -> str:
        """Why the exit code is not 0."""
        return self._too_many() if self.exit_code else ""

    @property
    def folder(self) -> Path:
        return self.result.folder.path

    @property
    def dataset(self) -> Path:
        """The folder that is published: the card (README.md), the data and the lock."""
        return self.result.folder.dataset

    @property
    def card(self) -> str:
        """The dataset's card, as Markdown."""
        return (self.dataset / "README.md").read_text("utf-8")

    @property
    def lock(self) -> Lock:
        """Everything the dataset depends on and everything that was counted."""
        return self.result.lock

    def load_dataset(self) -> DatasetDict:
        """The rows, by split."""
        from datasets import load_dataset

        return load_dataset(str(self.dataset))

    def leaves(self) -> dict[str, Any]:
        """What it leaves, for the last of its events."""
        counts = self.lock.counts
        return {"folder": str(self.folder), "lock": self.lock.hash, "kept": counts.kept, "dropped": counts.dropped}

    def as_json(self) -> dict[str, Any]:
        result, lock = self.result, self.result.lock
        return {
            "ok": result.exit_code == 0,
            "exit_code": result.exit_code,
            "run": str(result.folder.path),
            "dataset": str(result.folder.dataset),
            "page": str(self.page) if self.page is not None else None,
            "lock": lock.hash,
            "seconds": round(result.seconds, 3),
            "seconds_in_all": round(self.seconds, 3),
            "counts": as_json(lock.counts),
            "steps": [{k: getattr(s, k) for k in ("id", "rows_in", "rows_out", "dropped")} for s in lock.steps],
            "said": {step: dict(count.words) for step, count in result.counts.steps.items() if count.words},
            "judges": [as_json(judge) for judge in lock.judges],
            "usage": [as_json(use) for use in lock.usage],
            "unknown_finish_reasons": dict(result.endings.unknown),
            "special_tokens_cut": result.endings.special_tokens,
            "cost": lock.cost,
            "asked": dict(result.usage),
            "demo": lock.demo,
            "unsigned": result.unsigned,
            "replaced": result.replaced.as_json() if result.replaced else None,
        }

    def __str__(self) -> str:
        """What a person wants to know when a run is done, in plain lines."""
        result, lock = self.result, self.result.lock
        counts = lock.counts
        lines = [self._headline()]
        lines += [
            f"  dropped by {step.id}: {n:,} {reason}{self._why(step.id, reason)}"
            for step in lock.steps
            for reason, n in step.dropped.items()
        ]
        lines += [
            f"  not done by {step}: {n:,} {reason}{self._why(step, reason)}"
            for step, count in result.counts.steps.items()
            for reason, n in sorted(count.soft_failures.items())
        ]
        lines += [f"  marked by {step.id}: {n:,} {reason}" for step in lock.steps for reason, n in step.noted.items()]
        lines += [f"  {line}" for line in result.endings.lines()]
        lines += [f"  {line}" for line in _answered_by(lock)]
        lines += [f"  {line}" for line in judged_lines(lock)]
        lines += [f"  {line}" for line in review_lines(lock)]
        if lock.mixed_columns:
            lines.append(
                f"  written as JSON text, as their values are of several types: {', '.join(lock.mixed_columns)}"
            )
        lines.append(f"  {self._cost()}")
        if lock.demo:
            lines.append(f"  {_demo(lock)}")
        lines.append(f"  dataset and card: {result.folder.dataset}")
        if self.page is not None or self.no_page:
            lines.append(f"  every row and its story: {self.page}" if self.page is not None else f"  {self.no_page}")
        if result.replaced:
            lines.append(f"  {result.replaced.replaced_in(self.folder)}")
        if result.unsigned:
            lines.append(f"  {UNSIGNED}")
        if counts.dropped:
            lines.append(f"  dropped rows and why: {result.folder.dropped}")
        if result.exit_code:
            lines.append(f"  {self._too_many()}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:

        lock = self.result.lock
        steps = [
            (
                step.id,
                f"{step.rows_in:,}",
                f"{step.rows_out:,}",
                ", ".join(f"{n:,} {reason}{self._why(step.id, reason)}" for reason, n in step.dropped.items()),
            )
            for step in lock.steps
        ]
        content = [
            element("p", element("strong", self._headline())),
            table(("step", "in", "out", "dropped"), steps, numbers=frozenset({1, 2})),
            *(element("p", line) for line in self.result.endings.lines()),
            *(element("p", line) for line in judged_lines(lock)),
            element("p", self._cost()),
        ]
        if people := list(review_lines(lock)):
            content.append(element("pre", "\n".join(people)))
        if lock.demo:
            content.append(element("p", _demo(lock), classes="dim"))
        if replaced := self.result.replaced:
            content.append(element("p", replaced.replaced_in(self.folder)))
        if self.exit_code:
            content.append(element("p", self._too_many(), classes="bad"))
        content.append(element("p", "dataset and card: ", element("code", str(self.dataset))))
        if self.dataset.is_dir():
            first = list(islice(RowFiles.of(self.dataset).all_kept(), _SHOWN))
            content.append(element("h2", "The first rows"))
            content.append(rows_table((f"row {n}", row) for n, row in enumerate(first, 1)))
        return piece(*content, style=ROWS_STYLE)

    def _headline(self) -> str:
        lock = self.result.lock
        counts = lock.counts
        # Steps that make rows let more come out than went in: "of" would be wrong then.
        of = "of" if counts.kept + counts.dropped == counts.source else "made from"
        return (
            f"{lock.pipeline.name}: {many(counts.kept, 'row')} kept, {counts.dropped:,} dropped, "
            f"{of} {counts.source:,}, in {self.seconds:.1f} s"
        )

    def _why(self, step: str, reason: str) -> str:
        """The words of the first row that failed for a reason, so that a person knows what to do."""
        said = self.result.counts.steps[step].words.get(reason)
        if not said:
            return ""
        remedy = refusal_rule(reason).remedy if reason in REFUSALS else ""
        shown = textwrap.shorten(clean_text(redact(said), one_line=True), _WORDS, placeholder="...")
        return f": {shown}{f' ({remedy})' if remedy else ''}"

    def _cost(self) -> str:
        lock, asked = self.result.lock, self.result.usage
        if not any(model.steps for model in lock.models):
            return "no LLM calls"
        tokens = sum(u.prompt_tokens + u.completion_tokens for u in lock.usage)
        cost = "cost unknown (no price given)" if lock.cost is None else f"${lock.cost:,.4f}"
        life = f"{tokens:,} tokens, {cost} over their lifetime"
        if not asked:
            return life
        return f"LLM calls: {asked['requests']:,}, cached answers: {asked['hits']:,}; {life}"

    def _too_many(self) -> str:
        if not self.result.lock.counts.kept:
            return "no row is left: the dataset is empty"
        return (
            f"more rows failed ({self.result.counts.failed:,}) than the pipeline tolerates "
            f"({self.result.lock.pipeline.tolerate:.0%}); --retry-failed sends refused requests again"
        )


_SHOWN = 5
"""Rows that a notebook shows of a run; `head` and `sample` show others, `trace` their stories."""
SMALL = 1_000_000_000
"""Parameters of a model too small to be trusted with more than short answers."""
LARGER = "qwen2.5-1.5b-instruct"
_WORDS = 160
"""Characters shown of what was said of a failed row."""


def _answered_by(lock: Lock) -> Iterator[str]:
    """The models that answered, and where it is a very small one in this process, that a larger one is near."""
    asked = [model for model in lock.models if model.steps and not (model.rules or model.demo)]
    if asked:
        names = dict.fromkeys(f"{clean_text(model.model, one_line=True)} ({model.role})" for model in asked)
        yield f"answered by {', '.join(names)}"
    sizes = [known_weights()[model.model].parameters for model in asked if model.model in known_weights()]
    if any(size and size < SMALL for size in sizes):
        yield f"a larger model is one line away: --teacher {LOCAL_PROVIDER}:{LARGER}, or any of pipelines/models"


def _demo(lock: Lock) -> str:
    said = "demo: made of shipped rows or by models that only show the flow; not for training or publishing"
    if any(model.provider == "placeholder" and model.steps for model in lock.models):
        said += f". {OFFLINE}"
    return said


OFFLINE = "The offline models know the shipped seeds alone and give placeholders for all else: --models names others"
