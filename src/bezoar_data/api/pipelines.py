"""Pipelines from Python: validate, plan, preview, run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.cards.cross_check import check_pipeline_card
from bezoar_data.cards.render import card_renderer
from bezoar_data.config.errors import InputError
from bezoar_data.config.paths import expand_home
from bezoar_data.config.render import in_order
from bezoar_data.config.shipped import file_meant, in_package, said_of_shipped
from bezoar_data.engine.options import Engine, OnRay, Options
from bezoar_data.engine.progress import Progress
from bezoar_data.engine.shard import Shard
from bezoar_data.llms.gateway.prepare import prepare_models
from bezoar_data.pipeline.check_models import at_the_model
from bezoar_data.pipeline.compile import Compiled, compile_pipeline
from bezoar_data.pipeline.load import Checked, load
from bezoar_data.reports.shards import PhaseReport, ShardReport
from bezoar_data.reports.validation import Validation
from bezoar_data.runs.events import Events
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.previous import refuse_another
from bezoar_data.runs.project import JOURNAL, find_journal, journals_near
from bezoar_data.steps.distilabel_import import import_distilabel

if TYPE_CHECKING:
    from bezoar_data.engine.run import Result
    from bezoar_data.plan.asked import Asked
    from bezoar_data.reports.plan.report import PlanReport
    from bezoar_data.reports.preview.report import PreviewReport
    from bezoar_data.reports.run_report import RunReport


def load_pipeline(
    path: str | Path,
    *,
    models: str | Path | None = None,
    teacher: str | None = None,
    judge: str | None = None,
    set: Mapping[str, Any] | Sequence[str] = (),
    without: Sequence[str] = (),
    limit: int | None = None,
    out: str | Path | None = None,
    journal: str | Path | None = None,
    max_cost: float | None = None,
    trust_code: bool = False,
) -> Pipeline:
    """A pipeline file and options for it. Nothing is read or checked yet.

    `path` is a file, or a name: of one in `pipelines` here, else of one that comes with the package.
    `models` is a models file instead of the one the pipeline names. `teacher` and `judge` are models in one word
    for these roles, such as "openai:gpt-4o-mini" or "ollama:qwen2.5:7b". `set` changes settings: a mapping such as
    `{"steps.load_flan.path": "rows.jsonl", "seed": 7}`, or texts as the command line takes them. `without` names
    steps that are left out: those after them take their rows. `limit` is the most rows taken from each source,
    `out` the run folder (default `runs/NAME`, with a limit `runs/NAME-limitN`), `journal` the journal of answers
    (default: the project's), `max_cost` the most a run may spend in US dollars. `trust_code` lets steps that
    run text of rows or answers as code do so.
    """
    if isinstance(set, Mapping):
        overrides = tuple(f"{name}={json.dumps(value)}" for name, value in set.items())
    else:
        overrides = (set,) if isinstance(set, str) else tuple(set)
    return Pipeline(
        path=file_meant("pipelines", path),
        models=expand_home(models) if models is not None else None,
        named={role: word for role, word in (("teacher", teacher), ("judge", judge)) if word},
        overrides=overrides,
        without=tuple(without),
        limit=limit,
        out=expand_home(out) if out is not None else None,
        journal=expand_home(journal) if journal is not None else None,
        max_cost=max_cost,
        trust_code=trust_code,
    )


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline file and options for it: see `load_pipeline`, which makes one."""

    path: Path
    models: Path | None = None
    named: Mapping[str, str] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    limit: int | None = None
    out: Path | None = None
    journal: Path | None = None
    max_cost: float | None = None
    trust_code: bool = False

    def validate(self) -> Validation:
        """Check the file with its models, card and inputs. Runs nothing, imports no step, sends nothing, and does not
        raise for mistakes: they are what it gives."""
        try:
            checked = self._load(to_run=False)
        except InputError as error:
            return Validation((self.path,), in_order(error.problems))
        problems = in_order([*checked.warnings, *check_pipeline_card(checked)])
        return Validation((self.path,), problems, tuple(checked.unchecked()))

    def plan(
        self, *, retry_failed: bool = False, tokenizer: str | None = None, asked: Asked | None = None
    ) -> PlanReport:
        """What `run` would ask, cost and write, as intervals for each step and model. Sends nothing, writes nothing.

        `retry_failed` plans to send requests again that a provider refused for good; `tokenizer` names the
        tokenizer.json (or the folder that holds one) that counts prompts; plans that share `asked` count a question of
        theirs once. Raises `InputError`.
        """
        checked = self._load(to_run=False)
        import_distilabel()
        from bezoar_data.plan.planner import plan_pipeline
        from bezoar_data.reports.plan.report import PlanReport

        plan = plan_pipeline(
            checked,
            self._folder(checked),
            (journal := self._journal(checked)),
            near=self._near(checked, journal),
            limit=self.limit,
            max_cost=self.max_cost,
            retry_failed=retry_failed,
            tokenizer=tokenizer,
            asked=asked,
        )
        return PlanReport(plan)

    def preview(self, rows: int = 5, *, retry_failed: bool = False, quiet: bool = False) -> PreviewReport:
        """Take a few rows of each source through the whole pipeline, and show what was asked, answered, parsed and
        decided. Writes nothing but the journal, where the run then finds the answers. Raises what `run` raises."""
        checked = self._load(to_run=True)
        compiled = self._compile(checked, quiet)
        from bezoar_data.engine.preview.preview import preview
        from bezoar_data.reports.preview.report import PreviewReport

        options = self._options("stream", checked, compiled, retry_failed)
        with _at_the_models(checked):
            return PreviewReport(preview(compiled, rows, options, progress=Progress(quiet=quiet)))

    def run(
        self,
        *,
        engine: Engine = "stream",
        ray: str | None = None,
        workers: int | None = None,
        retry_failed: bool = False,
        quiet: bool = False,
        events: Events | None = None,
    ) -> RunReport:
        """Make the rows, judge them, write the dataset and its card. The same call again goes on after an
        interruption, and pays for nothing twice. Another build of the same pipeline's dataset is kept as the previous
        one; another pipeline's is refused.

        `engine="ray"` cuts the run into shards for `workers` on a Ray cluster: that at the address `ray` or in
        RAY_ADDRESS, else one on this machine. `engine="local"` and "distilabel-ray" take distilabel's own runners.
        `retry_failed` sends requests again that a provider refused for good. `quiet` shows no progress; `events` is
        told of it. Raises `InputError`, `BudgetStop`, `ProviderAway`, `NothingLeft` where no row is kept and a dataset
        with rows is there, or `Interrupted` after Ctrl-C, which waits for answers in flight.
        """
        began = time.monotonic()
        checked = self._load(to_run=True)
        folder = self._folder(checked)
        refuse_another(folder.path, checked.loaded.file.name, self.path)
        compiled = self._compile(checked, quiet)
        from bezoar_data.engine.run import run

        options = replace(self._options(engine, checked, compiled, retry_failed), ray=OnRay(ray, workers))
        render = card_renderer(checked.card, checked.columns, folder.dataset / "README.md")
        with _at_the_models(checked):
            progress = self._progress(checked, quiet, events)
            if engine == "ray":
                from bezoar_data.engine.cluster.run import run_on_ray

                result = run_on_ray(compiled, folder, options, render=render, progress=progress)
            else:
                result = run(compiled, folder, options, render=render, progress=progress)
        return _run_report(result, began)

    def run_shard(
        self,
        shard: str,
        *,
        phase: int = 1,
        collect: str | None = None,
        retry_failed: bool = False,
        quiet: bool = False,
        events: Events | None = None,
    ) -> ShardReport:
        """Run one shard, "0/7" to "6/7": its share of the rows, up to the first step that needs all of them. Its
        answers go to `collect`, a folder or any address that fsspec knows (default: `shards/collected` in the run's
        folder), every few minutes and at the end; they come back from there where it starts anew. `phase` is 1, or a
        later one that `merge_shards` has begun. Raises what `run` raises."""
        from bezoar_data.engine.shards.run_shard import run_shard
        from bezoar_data.engine.shards.store import Store

        which = Shard.named(shard, phase)
        checked = self._load(to_run=True)
        folder = self._folder(checked)
        store = Store(collect or str(folder.collected))
        own = folder.of_shard(which.folder)
        journal = self.journal if self.journal is not None else own.path / JOURNAL.name
        compiled = compile_pipeline(checked, journal)
        prepare_models(compiled.roles.values(), quiet=quiet)
        options = Options("stream", self.limit, self._budget(checked), retry_failed)
        with _at_the_models(checked):
            progress = self._progress(checked, quiet, events)
            done = run_shard(compiled, own, options, which, store, progress=progress)
        return ShardReport(done, own.path)

    def merge_shards(
        self,
        *,
        collect: str | None = None,
        retry_failed: bool = False,
        quiet: bool = False,
        events: Events | None = None,
    ) -> RunReport | PhaseReport:
        """Merge the shards whose answers lie at `collect` (see `run_shard`), and go on with the steps that need all
        rows: to the finished dataset, or to the phase that the shards are then to run. Bytes, lock and card are those
        of a run without shards. Raises what `run` raises."""
        began = time.monotonic()
        checked = self._load(to_run=True)
        folder = self._folder(checked)
        refuse_another(folder.path, checked.loaded.file.name, self.path)
        compiled = self._compile(checked, quiet)
        from bezoar_data.engine.shards.merge import PhaseBegun, merge_shards
        from bezoar_data.engine.shards.store import Store

        store = Store(collect or str(folder.collected))
        options = self._options("stream", checked, compiled, retry_failed)
        render = card_renderer(checked.card, checked.columns, folder.dataset / "README.md")
        with _at_the_models(checked):
            progress = self._progress(checked, quiet, events)
            result = merge_shards(compiled, folder, options, store, render=render, progress=progress)
        if isinstance(result, PhaseBegun):
            return PhaseReport(result)
        return _run_report(result, began)

    def _options(self, engine: Engine, checked: Checked, compiled: Compiled, retry_failed: bool) -> Options:
        return Options(engine, self.limit, self._budget(checked), retry_failed, self._near(checked, compiled.journal))

    def _progress(self, checked: Checked, quiet: bool, events: Events | None = None) -> Progress:
        progress = Progress(quiet=quiet, events=events, name=checked.loaded.file.name)
        told = said_of_shipped("pipelines", self.path)
        for note in (*told, *(w.in_a_line() for w in checked.warnings), *checked.notes()):
            progress.note(note)
        return progress

    def _load(self, *, to_run: bool) -> Checked:
        return load(
            self.path,
            overrides=self.overrides,
            without=self.without,
            models=self.models,
            named=self.named,
            max_cost=self.max_cost,
            to_run=to_run,
            trust_code=self.trust_code,
        )

    def _compile(self, checked: Checked, quiet: bool) -> Compiled:
        compiled = compile_pipeline(checked, self._journal(checked))
        prepare_models(compiled.roles.values(), quiet=quiet)
        return compiled

    def _journal(self, checked: Checked) -> Path:
        return find_journal(self.journal, pipeline=self._of_project, out=self._folder(checked).path)

    def _near(self, checked: Checked, journal: Path) -> tuple[Path, ...]:
        return journals_near(journal, pipeline=self._of_project, out=self._folder(checked).path)

    @property
    def _of_project(self) -> Path | None:
        """The file, where it can lie in a project: those of the package are of none."""
        return None if in_package(self.path) else self.path

    def _folder(self, checked: Checked) -> RunFolder:
        name = checked.loaded.file.name
        # A few rows to try take no whole dataset's place.
        return RunFolder(self.out or Path("runs") / (name if self.limit is None else f"{name}-limit{self.limit}"))

    def _budget(self, checked: Checked) -> float | None:
        return self.max_cost if self.max_cost is not None else checked.loaded.file.max_cost


def _run_report(result: Result, began: float) -> RunReport:
    from bezoar_data.api.reports import report_of_run
    from bezoar_data.reports.run_report import RunReport

    page, no_page = report_of_run(result.folder, result.lock.counts.kept + result.lock.counts.dropped)
    return RunReport(result, time.monotonic() - began, page, no_page)


@contextmanager
def _at_the_models(checked: Checked) -> Iterator[None]:
    """What is wrong with a model shows when it is asked, far from the file: it is told at the model's line."""
    try:
        yield
    except InputError as error:
        placed = at_the_model(error.problems, checked.models, checked.roles)
        if placed == list(error.problems):
            raise
        raise InputError(placed) from None
