"""Ablations from Python: what each step of a pipeline is worth to a model that learns from its rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bezoar_data.api.ablation_check import check_ablation
from bezoar_data.api.ablation_run import AblationRun, Places
from bezoar_data.api.evaluating import plan_evaluation
from bezoar_data.config.errors import InputError
from bezoar_data.config.render import in_order
from bezoar_data.config.shipped import file_meant
from bezoar_data.evaluation.ablated import ABLATION
from bezoar_data.plan.asked import Asked
from bezoar_data.reports.ablation import MARKDOWN, PAGE, AblationReport
from bezoar_data.reports.ablation_plan import AblationPlan
from bezoar_data.reports.validation import Validation
from bezoar_data.runs.folder import write_json, write_text


def load_ablation(
    path: str | Path,
    *,
    runs: str | Path = "runs",
    trained: str | Path = "trained",
    out: str | Path = "evaluated",
    journal: str | Path | None = None,
    max_cost: float | None = None,
) -> Ablation:
    """An ablation file, or the name of one. Nothing is read or checked yet.

    `runs`, `trained` and `out` are the folders that hold data, models and evaluations, in each one of the ablation's
    name; `journal` is the journal of answers (default: the project's), `max_cost` the most that may be spent on all
    variants together, in US dollars.
    """
    places = Places(Path(runs), Path(trained), Path(out), Path(journal) if journal is not None else None, max_cost)
    return Ablation(file_meant("ablations", path), places)


@dataclass(frozen=True, slots=True)
class Ablation:
    """An ablation file and where its parts are left: see `load_ablation`, which makes one."""

    path: Path
    places: Places

    def validate(self) -> Validation:
        """Check the file with all it names. Runs nothing, and does not raise for mistakes: they are what it gives."""
        try:
            return Validation((self.path,), in_order(check_ablation(self.path).warnings))
        except InputError as error:
            return Validation((self.path,), in_order(error.problems))

    def plan(self) -> AblationPlan:
        """What `run` would ask and cost, how many trainings and evaluations it takes, and the smallest difference that
        these can show. Sends nothing, writes nothing. Raises `InputError`."""
        checked = check_ablation(self.path)
        run = AblationRun(checked, self.places, quiet=True)
        asked = Asked()  # what one variant asks, the next finds
        plans = {
            name: [pipeline.plan(asked=asked).plan for pipeline in run.pipelines(name).values()]
            for name in run.variants
        }
        stages = [stage.id for stage in checked.recipe.file.stages]
        tasks = plan_evaluation(checked.loaded.suite, tasks=run.tasks)["tasks"]
        return AblationPlan(
            checked.loaded.file,
            plans,
            {name: checked.loaded.change(name) for name in run.variants},
            stages.index(checked.stage) + 1,
            [task for task in tasks if not task["runs_code"]],
            self.places.max_cost,
        )

    def run(self, *, quiet: bool = False, retry_failed: bool = False) -> AblationReport:
        """Make every variant's data, train and evaluate it with every seed, and compare each with the whole pipeline.
        The same call again goes on after an interruption: data, stages and tasks that are done stay. `retry_failed`
        makes the data again, and sends requests again that a provider refused for good.

        A variant that cannot be made is told with its reason, and the others go on. Raises `InputError` where that is
        the whole pipeline, and what `Pipeline.run` raises.
        """
        checked = check_ablation(self.path)
        found = AblationRun(checked, self.places, quiet, retry_failed).run()
        folder = self.places.out / found.name
        report = AblationReport(found, folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / ABLATION, found.as_json())
        write_text(folder / MARKDOWN, report.as_markdown())
        write_text(folder / PAGE, report.as_html())
        return report
