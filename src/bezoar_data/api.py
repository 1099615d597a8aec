"""The Python API: the command line's main commands as methods of one object, for scripts and notebooks.

    from bezoar_data import load_pipeline

    pipeline = load_pipeline("pipelines/orca.yaml", limit=20)
    pipeline.validate()         # every mistake, as values
    pipeline.plan()             # what a run would ask and cost
    pipeline.preview(5)         # a few rows through the whole pipeline
    run = pipeline.run()        # the dataset and its card
    run.load_dataset()

    push_review(run.folder, sample=200)     # people check a sample, in Argilla
    print(review_status(run.folder))
    pull_review(run.folder)                 # their answers join the dataset and its card

    recipe = load_recipe("recipes/tiny.yaml")
    recipe.plan()               # stages, rows, tokens, steps
    trained = recipe.train()
    publish(trained.model, "my-name/tiny", dry_run=True)

The command line calls the same methods. A mistake in a file raises `InputError`, which holds every problem with file,
line and column; each method names what else it raises. In a notebook each result shows itself.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bezoar_data.cards.cross_check import check_pipeline_card
from bezoar_data.cards.hub import gate
from bezoar_data.cards.hub.publish import dataset_contents
from bezoar_data.cards.hub.upload import RepoContents, Upload, plan_upload, send
from bezoar_data.cards.licences.lineage import commercial_use
from bezoar_data.cards.model_card import gate as model_gate
from bezoar_data.cards.model_card.card import model_card
from bezoar_data.cards.model_card.publish import model_contents
from bezoar_data.cards.render import card_renderer
from bezoar_data.config.errors import InputError, PolicyRefused
from bezoar_data.config.paths import expand_home
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.render import in_order
from bezoar_data.engine.event_loop import Options
from bezoar_data.engine.progress import Progress
from bezoar_data.pipeline.compile import Compiled, compile_pipeline
from bezoar_data.pipeline.load import Checked, load
from bezoar_data.reports.plan.report import PlanReport
from bezoar_data.reports.training_plan import plan_as_json
from bezoar_data.reports.validation import Validation
from bezoar_data.review.client import connect
from bezoar_data.review.pull import find_dataset, pull
from bezoar_data.review.push import Pushed, push
from bezoar_data.review.status import ReviewStatus, status_of
from bezoar_data.review.task import read_lock, review_task
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.stage_record import is_trained, trained_stage
from bezoar_data.steps.distilabel_import import import_distilabel
from bezoar_data.training.progress import Progress as TrainingProgress

if TYPE_CHECKING:
    from bezoar_data.reports.preview.report import PreviewReport
    from bezoar_data.reports.review_report import ReviewReport
    from bezoar_data.reports.run_report import RunReport
    from bezoar_data.training.planned import Prepared
    from bezoar_data.training.train import Trained

__all__ = [
    "Pipeline",
    "Published",
    "Recipe",
    "load_pipeline",
    "load_recipe",
    "publish",
    "pull_review",
    "push_review",
    "review_status",
]


def load_pipeline(
    path: str | Path,
    *,
    models: str | Path | None = None,
    set: Mapping[str, Any] | Sequence[str] = (),
    limit: int | None = None,
    out: str | Path | None = None,
    max_cost: float | None = None,
    trust_code: bool = False,
) -> Pipeline:
    """A pipeline file and options for it. Nothing is read or checked yet.

    `models` is a models file instead of the one the pipeline names. `set` changes settings: a mapping such as
    `{"steps.load_flan.path": "rows.jsonl", "seed": 7}`, or texts as the command line takes them. `limit` is the most
    rows taken from each source, `out` the run folder (default `runs/NAME`; the journal lies beside it), `max_cost` the
    most a run may spend in US dollars. `trust_code` lets steps that run text of rows or answers as code do so.
    """
    if isinstance(set, Mapping):
        overrides = tuple(f"{name}={json.dumps(value)}" for name, value in set.items())
    else:
        overrides = (set,) if isinstance(set, str) else tuple(set)
    return Pipeline(
        path=expand_home(path),
        models=expand_home(models) if models is not None else None,
        overrides=overrides,
        limit=limit,
        out=expand_home(out) if out is not None else None,
        max_cost=max_cost,
        trust_code=trust_code,
    )


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline file and options for it: see `load_pipeline`, which makes one."""

    path: Path
    models: Path | None = None
    overrides: tuple[str, ...] = ()
    limit: int | None = None
    out: Path | None = None
    max_cost: float | None = None
    trust_code: bool = False

    def validate(self) -> Validation:
        """Check the file with its models, card and inputs. Runs nothing, imports no step, sends nothing, and does not
        raise for mistakes: they are what it gives."""
        try:
            checked = self._load(to_run=False)
        except InputError as error:
            return Validation((self.path,), in_order(error.problems))
        return Validation((self.path,), in_order([*checked.warnings, *check_pipeline_card(checked)]))

    def plan(self, *, retry_failed: bool = False, tokenizer: str | None = None) -> PlanReport:
        """What `run` would ask, cost and write, as intervals for each step and model. Sends nothing, writes nothing.

        `retry_failed` plans to send requests again that a provider refused for good; `tokenizer` names the
        tokenizer.json (or the folder that holds one) that counts prompts. Raises `InputError`.
        """
        checked = self._load(to_run=False)
        import_distilabel()
        from bezoar_data.plan.planner import plan_pipeline

        plan = plan_pipeline(
            checked,
            self._folder(checked),
            limit=self.limit,
            max_cost=self.max_cost,
            retry_failed=retry_failed,
            tokenizer=tokenizer,
        )
        return PlanReport(plan)

    def preview(self, rows: int = 5, *, retry_failed: bool = False, quiet: bool = False) -> PreviewReport:
        """Take a few rows of each source through the whole pipeline, and show what was asked, answered, parsed and
        decided. Writes nothing but the journal, where the run then finds the answers. Raises what `run` raises."""
        checked, folder, compiled = self._compile()
        from bezoar_data.engine.preview.preview import preview
        from bezoar_data.reports.preview.report import PreviewReport

        options = Options("stream", self.limit, self._budget(checked), retry_failed)
        return PreviewReport(preview(compiled, folder.journal, rows, options, progress=Progress(quiet=quiet)))

    def run(
        self,
        *,
        engine: Literal["stream", "local"] = "stream",
        retry_failed: bool = False,
        quiet: bool = False,
    ) -> RunReport:
        """Make the rows, judge them, write the dataset and its card. The same call again goes on after an
        interruption, and pays for nothing twice.

        `engine="local"` takes distilabel's own runner. `retry_failed` sends requests again that a provider refused for
        good. `quiet` shows no progress. Raises `InputError`, `BudgetStop`, `ProviderAway`, or `Interrupted` after
        Ctrl-C, which waits for answers in flight.
        """
        checked, folder, compiled = self._compile()
        from bezoar_data.engine.run import run
        from bezoar_data.reports.run_report import RunReport

        options = Options(engine, self.limit, self._budget(checked), retry_failed)
        render = card_renderer(checked.card, checked.columns, folder.dataset / "README.md")
        return RunReport(run(compiled, folder, options, render=render, progress=Progress(quiet=quiet)))

    def _load(self, *, to_run: bool) -> Checked:
        return load(
            self.path,
            overrides=self.overrides,
            models=self.models,
            max_cost=self.max_cost,
            to_run=to_run,
            trust_code=self.trust_code,
        )

    def _compile(self) -> tuple[Checked, RunFolder, Compiled]:
        checked = self._load(to_run=True)
        folder = self._folder(checked)
        return checked, folder, compile_pipeline(checked, folder.journal)

    def _folder(self, checked: Checked) -> RunFolder:
        return RunFolder(self.out or Path("runs") / checked.loaded.file.name)

    def _budget(self, checked: Checked) -> float | None:
        return self.max_cost if self.max_cost is not None else checked.loaded.file.max_cost


def push_review(
    run: str | Path,
    *,
    sample: int = 200,
    even: float = 0.5,
    overlap: int = 1,
    blind: bool = True,
    judge: str | None = None,
    attributes: Sequence[str] = (),
    instruction: str = "",
    response: str = "",
    other: str = "",
    seed: int = 42,
    dataset: str | None = None,
    workspace: str = "review",
) -> Pushed:
    """Push a sample of a run's rows to Argilla, for people to review. Pushing again adds what is missing.

    Argilla is the running `bezoar-data review serve`, or the one that `ARGILLA_API_URL` and `ARGILLA_API_KEY` name.
    `sample` is the most rows, `even` the share of them that is drawn evenly, `overlap` how many people answer each.
    `blind` hides the judge's verdict; `judge` names the judge whose rows are reviewed, `instruction`, `response` and
    `other` the columns to show in place of its own. `attributes` are rated from 0 to 4. `dataset` is the name in
    Argilla (default: the pipeline's). Raises `InputError`, `ProviderAway`.
    """
    given = {"instruction": instruction, "response": response, "other": other}
    columns = {name: column for name, column in given.items() if column}
    task = review_task(
        Path(run), judge=judge, columns=columns, attributes=tuple(attributes), blind=blind, overlap=overlap
    )
    name = dataset or task.run
    return push(connect(), Path(run), task, workspace=workspace, name=name, size=sample, even_share=even, seed=seed)


def review_status(run: str | Path, *, dataset: str | None = None, workspace: str = "review") -> ReviewStatus:
    """How far each annotator is, how far they agree, and how long it will take. Raises `InputError`, `ProviderAway`."""

    argilla = connect()
    return status_of(argilla, find_dataset(argilla, workspace, dataset or read_lock(Path(run)).pipeline.name))


def pull_review(run: str | Path, *, dataset: str | None = None, workspace: str = "review") -> ReviewReport:
    """Fetch every answer into `review.parquet` beside the run, and merge them into its dataset, lock and card; no step
    runs and no model is asked. Pulling twice changes nothing. Raises `InputError`, `ProviderAway`.
    """
    from bezoar_data.engine.review.merge import merge_review
    from bezoar_data.reports.review_report import ReviewReport

    folder = RunFolder(Path(run))
    if not folder.dataset.is_dir():
        hint = "name the run folder, not its dataset"
        raise InputError(Problem("no-run", "answers are kept beside a run", Place(str(run)), hint))
    name = dataset or read_lock(folder.path).pipeline.name
    argilla = connect()
    pulled = pull(argilla, folder.review, find_dataset(argilla, workspace, name))
    render = card_renderer(folder.card if folder.card.exists() else None, previous=folder.dataset / "README.md")
    return ReviewReport(folder, pulled.as_json(), merge_review(folder, render))


def load_recipe(path: str | Path, *, runs: str | Path = "runs", out: str | Path | None = None) -> Recipe:
    """A recipe file. Nothing is read or checked yet.

    `runs` is the folder that holds the runs whose datasets the recipe's cards name, `out` where the stages are left
    (default `trained/NAME`).
    """
    return Recipe(Path(path), Path(runs), Path(out) if out is not None else None)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe file, where its data is and where its stages go: see `load_recipe`, which makes one."""

    path: Path
    runs: Path = Path("runs")
    out: Path | None = None

    def prepare(self) -> Prepared:
        """Check the recipe, its policy and its data, and make every stage's examples. Loads no weights. Raises
        `InputError`, and `PolicyRefused` where the policy forbids a card or the base."""
        from bezoar_data.training.train import prepare

        return prepare(self.path, runs=self.runs, out=self.out, commercial=commercial_use)

    def plan(self) -> dict[str, Any]:
        """What `train` would do, as plain values: stages, rows, tokens, steps, and what is done already."""
        return plan_as_json(self.prepare())

    def train(self, *, quiet: bool = False) -> Trained:
        """Run every stage that is not done. The same call again goes on after an interruption: finished stages stay,
        and one that was cut short goes on from its last checkpoint. `quiet` shows nothing but warnings."""
        from bezoar_data.training.train import train

        prepared, progress = self.prepare(), TrainingProgress(quiet=quiet)
        for warning in prepared.warnings:
            progress.note(warning)
        return train(prepared, progress, model_card)


def publish(
    folder: str | Path,
    repo: str,
    *,
    public: bool = False,
    gated: Literal["auto", "manual", "off"] | None = None,
    allow: Collection[str] = (),
    base: str | None = None,
    dry_run: bool = False,
) -> Published:
    """Publish a dataset or a trained model to the Hub in one commit; nothing is sent where nothing changed.

    `folder` is a run's folder or its dataset folder, the folder of a recipe's stage, or that of all its stages, for the
    last one. `repo` is `OWNER/NAME`, private unless `public`. `allow` names concerns in spite of which it is published.
    `base` says where the weights are published that an adapter stands on. Raises `PolicyRefused` with every reason not
    to publish it, `InputError`, and `ProviderAway` where the Hub cannot be reached.
    """
    problems, contents = _to_publish(Path(folder), allow, base)
    if problems or contents is None:
        raise PolicyRefused(problems)
    upload = plan_upload(contents, repo)
    return Published(upload, None if dry_run else send(upload, public=public, gated=gated))


def _to_publish(folder: Path, allow: Collection[str], base: str | None) -> tuple[list[Problem], RepoContents | None]:
    """Why it may not be published; where nothing forbids it, what is to be sent."""
    if is_trained(folder):
        stage = trained_stage(folder)
        problems = model_gate.refusals(stage, allow, base)
        return problems, None if problems else model_contents(stage, base)
    problems = gate.refusals(folder / "dataset" if (folder / "dataset").is_dir() else folder, allow)
    return problems, None if problems else dataset_contents(folder)


@dataclass(frozen=True, slots=True)
class Published:
    """What went up, or would."""

    upload: Upload
    """The paths that are new, changed, removed and the same, and the build's tag."""
    address: str | None
    """Where it is; None of a dry run."""
