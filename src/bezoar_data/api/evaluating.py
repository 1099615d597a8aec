"""Evaluations from Python: a recipe's stages, one stage, or any model, on a suite."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.api.named import Found, asked_model, behind_gateway, group_of, models_found, target_of
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.config.files.suite import LoadedSuite, load_suite
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.shipped import file_meant
from bezoar_data.evaluation.harness import say
from bezoar_data.evaluation.mt_bench.judges import Judge, judge_sampling
from bezoar_data.evaluation.mt_bench.run import Judging
from bezoar_data.evaluation.mt_bench.task import judged_tasks
from bezoar_data.evaluation.record import Evaluation
from bezoar_data.evaluation.run import evaluate as run
from bezoar_data.evaluation.run import plan
from bezoar_data.llms.ask import Ask
from bezoar_data.llms.endpoint.usage import cost_of
from bezoar_data.llms.gateway.asking import OpenModels, models_for
from bezoar_data.llms.gateway.fallbacks import CachedAnswers
from bezoar_data.llms.journal import Journal
from bezoar_data.plan.token_count import Tokens
from bezoar_data.runs.events import Events
from bezoar_data.runs.project import find_journal

if TYPE_CHECKING:
    from bezoar_data.evaluation.gateway_lm import Question


def evaluate(
    models: Sequence[str | Path],
    suite: str | Path,
    *,
    tasks: Sequence[str] = (),
    allow_code: bool = False,
    out: str | Path = "evaluated",
    stages: Sequence[str] = (),
    trained: str | Path = "trained",
    runs: str | Path = "runs",
    revision: str | None = None,
    judges: Sequence[str] = (),
    models_file: str | Path | None = None,
    against: str | None = None,
    journal: str | Path | None = None,
    max_cost: float | None = None,
    retry_failed: bool = False,
    quiet: bool = False,
    events: Events | None = None,
) -> tuple[list[Evaluation], Path]:
    """Evaluate models on a suite: of a recipe its base and every stage, or those named in `stages`; RECIPE:STAGE; a
    folder; an id of the Hub; and, asked through the gateway, a GGUF, SERVICE:MODEL[@URL], or FILE:ROLE of a models
    file. `tasks` takes some of the suite's tasks alone; `allow_code` those too that run code which a model has written.

    Data that the models were trained on, where their builds lie in `runs` or were pulled, are searched for the suite's
    items.

    `judges` read the answers to judged questions (MT-Bench): each in one word (`openai:gpt-4o`), or a role of
    `models_file`, whose role `judge` it is by default. `journal`, `max_cost` in US dollars and `retry_failed` are for
    all models that the gateway asks together, judges among them, as in a run. With `against`, the name of one of the
    models, every other one's answers are compared with its in pairs.

    `events` is told of tasks that are done, and of what was asked and paid.

    Returns the evaluations and the folder that holds one for each model, `out`/NAME/SUITE. What is done already is not
    done again. Raises `InputError`, `BudgetStop` or `ProviderAway`.
    """
    loaded = load_suite(file_meant("suites", suite))
    found = models_found([str(model) for model in models], trained=Path(trained), stages=stages, revision=revision)
    folder = Path(out) / group_of(found) / loaded.file.name
    asked = {
        "journal": Path(journal) if journal is not None else None,
        "max_cost": max_cost,
        "retry_failed": retry_failed,
    }
    judging = _judges(loaded, judges, models_file, against)
    with gateway_to(found, judging.roles, judging.answers, quiet=quiet, **asked) as gateway:
        targets = [target_of(one, gateway) for one in found]

        def tell(text: str) -> None:
            if not quiet:
                say(text)
            if events is not None and gateway is not None:
                events.asked(gateway.usage())

        data = (Path(runs), Path("pulled"))
        reading = Judging([Judge(gateway, role) for role in judging.roles] if gateway is not None else (), against)
        try:
            done = run(
                loaded, targets, folder, data, tell,
                only=tasks, allow_code=allow_code, judging=reading, events=events,
            )  # fmt: skip
        finally:
            if gateway is not None:
                tell(f"asked: {gateway.told()}")
    return done, folder


@dataclass(frozen=True, slots=True)
class _Judges:
    """Who judges, under roles that no model to evaluate can have, and their recorded answers."""

    roles: Mapping[str, Model]
    answers: tuple[Path, ...]


def _judges(suite: LoadedSuite, words: Sequence[str], models_file: str | Path | None, against: str | None) -> _Judges:
    if not suite.judged_tasks:
        if words or against is not None:
            message = f"no task of '{suite.file.name}' is read by a judge: --judge and --against do nothing"
            hint = "leave them out, or take a suite such as suites/mt-bench.yaml"
            raise InputError(Problem("unused-option", message, Place(str(suite.path)), hint))
        return _Judges({}, ())
    file = Path(models_file) if models_file is not None else None
    listed = words or (("judge",) if file is not None else ())
    if not listed:
        return _Judges({}, ())
    # A word with a colon is a model; any other is a role of the file.
    models = {word: f"judge-{i}" for i, word in enumerate(listed, 1) if ":" in word or file is None}
    roles = [models.get(word, word) for word in listed]
    found, answers = models_for(roles, models=file, named={role: word for word, role in models.items()})
    return _Judges({f"judge: {role}": model for role, model in found.items()}, answers)


def plan_evaluation(
    suite: str | Path,
    models: Sequence[str | Path] = (),
    *,
    tasks: Sequence[str] = (),
    judges: Sequence[str] = (),
    models_file: str | Path | None = None,
    against: str | None = None,
    journal: str | Path | None = None,
) -> dict[str, Any]:
    """What a suite takes and can show. `tasks`: how many items each has, and the smallest difference that these can
    show. `models`: of those that the gateway asks, how many answers are wanted (equal ones once), how many of them the
    journal has, and what the others cost at most, in US dollars (None: nobody said a price). `judges`: how many
    verdicts are wanted of each for one model, and the same of them; with `against`, those beside another model too.
    Raises `InputError`."""
    found, loaded = (
        [asked for model in models if (asked := asked_model(str(model))) is not None],
        load_suite(file_meant("suites", suite)),
    )
    planned, questions = plan(loaded, only=tasks, asked=bool(found))
    judging = _judges(loaded, judges, models_file, against)
    wanted = [task for task in judged_tasks(loaded) if judging.roles and (not tasks or task.name in tasks)]
    verdicts = [ask for task in wanted for ask in task.verdicts(pairs=against is not None)]
    path = find_journal(Path(journal) if journal is not None else None)
    with closing(Journal.open(path)) if path.exists() and found else nullcontext() as opened:
        return {
            "tasks": planned, "models": [_demand(one, questions, opened) for one in found],
            "judges": [_verdicts(model, verdicts) for model in judging.roles.values()],
        }  # fmt: skip


@contextmanager
def gateway_to(
    found: Sequence[Found], more: Mapping[str, Model] | None = None, answers: Sequence[Path] = (), **how: Any
) -> Iterator[OpenModels | None]:
    """The models that are asked, and the roles `more`, opened together: they share a budget. None where there are
    none."""
    roles = {**behind_gateway(found), **(more or {})}
    if not roles:
        yield None
        return
    recorded = tuple(dict.fromkeys((*(path for one in found for path in one.answers), *answers)))
    with OpenModels(roles, answers=recorded, say=say, **how) as opened:
        yield opened


def _demand(found: Found, questions: Sequence[Question], journal: Journal | None) -> dict[str, Any]:
    """What a model would be asked. Its answers are as long as they may be: so the cost is the most."""
    from bezoar_data.evaluation.gateway_lm import with_sampling

    tokens, price = Tokens(), None
    answers: dict[str, bool] = {}
    prompt = longest = 0
    for question in questions:
        lookup = CachedAnswers({"": with_sampling(behind_gateway([found])[found.name], question)}, journal)
        price = lookup.model("").price
        there = lookup.find("", question.ask)
        missing = [k for k, e in zip(there.keys, there.entries, strict=True) if e is None and k not in answers]
        answers |= {key: entry is not None for key, entry in zip(there.keys, there.entries, strict=True)}
        prompt += round(sum(tokens.prompt(question.ask.messages))) * bool(missing)
        longest += len(missing) * int(question.sampling["max_tokens"])
    cost = cost_of(price, prompt, longest)
    return {
        "model": found.name, "answers": len(answers), "cached": sum(answers.values()), "prompt_tokens": prompt,
        "most_completion_tokens": longest, "most_cost": None if cost is None else round(cost, 4),
    }  # fmt: skip


def _verdicts(model: Model, verdicts: Sequence[Ask]) -> dict[str, Any]:
    """What a judge would be asked of one model. Answers and verdicts are as long as they may be: so the cost is the
    most."""
    tokens = Tokens()
    prompt = sum(round(sum(tokens.prompt(ask.messages))) for ask in verdicts)
    longest = len(verdicts) * int(judge_sampling(model)["max_tokens"])
    cost = cost_of(model.price, prompt, longest)
    return {
        "judge": model.model, "verdicts": len(verdicts), "most_prompt_tokens": prompt,
        "most_completion_tokens": longest, "most_cost": None if cost is None else round(cost, 4),
    }  # fmt: skip
