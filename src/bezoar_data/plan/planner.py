"""Planning a run: what it would ask, cost and write, told before the first request.

The pipeline is compiled and walked as a run would, with the journal's answers and with placeholders for the others
(`replay`); what hangs on placeholders becomes an interval (`estimate`), learned from past runs where there are any
(`history`). docs/plan.md says what the numbers mean.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from huggingface_hub import constants

from bezoar_data.config.errors import InputError
from bezoar_data.llms.gateway.fallbacks import CachedAnswers, address_notes
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.history import past_answers
from bezoar_data.llms.journal.places import run_folders
from bezoar_data.llms.journal.recorded import RecordedAnswers
from bezoar_data.pipeline.check_models import OF_THIS_MACHINE
from bezoar_data.pipeline.compile import Compiled, Node, compile_pipeline
from bezoar_data.pipeline.load import Checked
from bezoar_data.pipeline.phases import Phases
from bezoar_data.plan.asked import Asked
from bezoar_data.plan.duration import seconds
from bezoar_data.plan.estimate import Numbers, estimate
from bezoar_data.plan.flow import Key, ModelDemand
from bezoar_data.plan.history import read_past
from bezoar_data.plan.interval import LEAST, Interval
from bezoar_data.plan.placeholders import Asking
from bezoar_data.plan.replay import Replay
from bezoar_data.plan.result import Basis, BudgetCheck, ModelUse, Plan, PlannedFile, PlannedStep
from bezoar_data.plan.token_count import Tokens
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.previous import refuse_another
from bezoar_data.runs.splits import TRAIN
from bezoar_data.steps.base import GlobalModelStep
from bezoar_data.steps.curation.tokenizer import load_tokenizer
from bezoar_data.steps.verdicts import answer_name


def plan_pipeline(
    checked: Checked,
    folder: RunFolder,
    journal: Path,
    *,
    near: Sequence[Path] = (),
    limit: int | None = None,
    max_cost: float | None = None,
    retry_failed: bool = False,
    tokenizer: str | None = None,
    asked: Asked | None = None,
) -> Plan:
    """Plan the run of a checked pipeline into `folder` with a journal. Sends nothing, writes nothing.

    `limit` is the most rows of each source, `max_cost` a budget in US dollars (say it to `load` too, which asks for
    prices then), `tokenizer` names whose tokens prompts are counted in (else by a rule of thumb). What `asked` holds is
    asked by a run before this one, and not counted; what this one asks is added. Raises `InputError` for sources and
    steps that cannot work.
    """
    compiled = compile_pipeline(checked, journal, to_run=False)
    cap = max_cost if max_cost is not None else checked.loaded.file.max_cost
    with ExitStack() as held:
        held.enter_context(_without_hub())
        there = None
        if journal.exists():
            there = held.enter_context(Journal.open(journal, create=False, answers=checked.answers, near=near))
        recorded = held.enter_context(closing(RecordedAnswers(checked.answers)))
        known = CachedAnswers(compiled.roles, there or recorded, retry_failed=retry_failed)
        past = read_past(compiled, {*run_folders(journal), *folder.path.parent.glob("*/")})
        demands = {}
        for node in compiled.nodes:
            for to, role in node.roles.items():
                model = known.model(role)
                is_known = there is not None and node.id not in past.other
                answers = past_answers(there, model.model, answer_name(node.id, to)) if there and is_known else []
                demands[node.id, to] = ModelDemand(node.id, to, role, model, answers)
        tokens = _tokens(tokenizer)
        replay = Replay(compiled, Asking(known, tokens, demands, asked), demands, past, limit=limit)
        replay.walk()
        said = [*there.notes, *address_notes(there, compiled.roles)] if there else []
    return _Planner(compiled, folder, replay, tokens, said).plan(cap)


def _tokens(name: str | None) -> Tokens:
    if name is None:
        return Tokens()

    return Tokens(load_tokenizer(name), name)


@contextmanager
def _without_hub() -> Iterator[None]:
    """While this lasts, nothing is fetched from the Hugging Face Hub: what is not on this machine is unknown."""
    places: list[ModuleType] = [constants]
    if (config := sys.modules.get("datasets.config")) is not None:
        places.append(config)
    before = [module.HF_HUB_OFFLINE for module in places]
    for module in places:
        module.HF_HUB_OFFLINE = True  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module, value in zip(places, before, strict=True):
            module.HF_HUB_OFFLINE = value  # type: ignore[attr-defined]


@dataclass(frozen=True)
class _Planner:
    compiled: Compiled
    folder: RunFolder
    replay: Replay
    tokens: Tokens
    said: Sequence[str]
    """What is to be said of the journal."""

    def plan(self, cap: float | None) -> Plan:
        demands, flows = self.replay.demands, self.replay.flows
        learned = all(len(demand.lengths) >= LEAST for demand in demands.values())
        numbers = {
            key: estimate(demand, self.replay.times[key], self.tokens, learned=learned)
            for key, demand in demands.items()
        }
        whole = Numbers.sum(numbers.values())
        unclear = any(flows[node].opaque for node, _ in demands)
        uses = {key: self._use(demand, numbers[key]) for key, demand in demands.items()}
        unpriced = (u.model for u in uses.values() if not u.priced and (u.requests is None or u.requests.high))
        unpriced_models = tuple(dict.fromkeys(unpriced))
        cost = None if unpriced_models or unclear else whole.cost
        end = flows[self.compiled.last.id]
        phases = Phases.of_pipeline(self.compiled)
        return Plan(
            name=self.compiled.loaded.file.name,
            description=self.compiled.loaded.file.description,
            file=str(self.compiled.loaded.path),
            out=str(self.folder.path),
            journal=str(self.compiled.journal),
            steps=tuple(self._step(node, uses, phases.of[node.id]) for node in self.compiled.nodes),
            requests=None if unclear else whole.requests.whole(),
            prompt_tokens=None if unclear else whole.prompt_tokens.whole(),
            completion_tokens=None if unclear else whole.completion_tokens.whole(),
            cost=cost,
            unpriced=unpriced_models,
            from_journal=sum(use.from_journal for use in uses.values()),
            paid=sum(use.paid for use in uses.values()),
            seconds=None if unclear else seconds(self.compiled, demands, flows, numbers),
            rows=None if end.opaque else end.rows_out.whole(),
            counted_by=self.tokens.name,
            budget=None if cap is None else self._budget(cap, cost),
            files=tuple(self._files()),
            notes=tuple(self._notes()),
            warnings=tuple(self._warnings()),
        )

    def _step(self, node: Node, uses: Mapping[Key, ModelUse], phase: int) -> PlannedStep:
        flow = self.replay.flows[node.id]
        basis: Basis = "exact"
        if flow.opaque:
            basis = "unknown"
        elif flow.keep is not None:
            basis = "learned" if flow.learned_from else "assumed"
        return PlannedStep(
            id=node.id,
            use=node.use,
            kind=node.kind,
            after=node.after,
            rows_in=None if flow.unknown else flow.rows_in.whole(),
            rows_out=None if flow.opaque else flow.rows_out.whole(),
            basis=basis,
            waits=node.is_barrier,
            models=tuple(use for key, use in uses.items() if key[0] == node.id),
            notes=(*_order(node, flow.longest), *flow.notes),
            phase=phase,
        )

    def _use(self, demand: ModelDemand, numbers: Numbers) -> ModelUse:
        unknown = self.replay.flows[demand.step].opaque
        basis: Basis = "learned" if numbers.learned_from else "assumed"
        if unknown:
            basis = "unknown"
        elif numbers.requests.high == 0:
            basis = "exact"
        return ModelUse(
            role=demand.role,
            model=demand.model.model,
            provider=demand.model.provider,
            requests=None if unknown else numbers.requests.whole(),
            prompt_tokens=None if unknown else numbers.prompt_tokens.whole(),
            completion_tokens=None if unknown else numbers.completion_tokens.whole(),
            cost=None if unknown or demand.model.price is None else numbers.cost,
            priced=demand.model.price is not None,
            from_journal=round(demand.hits),
            paid=demand.paid,
            answer_tokens=numbers.answer_tokens,
            basis=basis,
            learned_from=numbers.learned_from,
        )

    def _budget(self, cap: float, cost: Interval | None) -> BudgetCheck:
        if cost is None:
            return BudgetCheck(cap, "unknown", None)
        worst = max((demand.worst for demand in self.replay.demands.values()), default=0.0) if cost.high else 0.0
        needed = cost.high + worst
        if needed <= cap:
            return BudgetCheck(cap, "enough", needed)
        return BudgetCheck(cap, "perhaps" if cost.low <= cap else "not_enough", needed)

    def _files(self) -> Iterator[PlannedFile]:
        splits = self.compiled.loaded.file.splits
        folder = self.folder
        what = {
            folder.dataset / "README.md": "the card",
            folder.dataset / "croissant.json": "the card for machines",
            folder.dataset / "lock.json": "what the dataset depends on, and what was counted",
            **{
                folder.dataset / "data" / f"{split}-00000-of-00001.parquet": f"the rows of {split}"
                for split in (TRAIN, *(name for name in splits if name != TRAIN))
            },
            folder.dropped: "the dropped rows, each with its reason",
            folder.report: "every row and its story, for a browser",
            folder.pipeline: "the pipeline as run",
            **({folder.card: "the card's template"} if self.compiled.checked.card else {}),
            folder.distilabel: "the same as distilabel writes its pipelines",
            folder.run_json: "this run's times and rates",
            folder.made_from: "where its answers and the files that steps read are",
            self.compiled.journal: "the answers",
        }
        for path, text in what.items():
            yield PlannedFile(str(path), text, path.exists())

    def _notes(self) -> Iterator[str]:
        yield from self.said
        demands = self.replay.demands.values()
        if any(demand.model.mode == "batch" for demand in demands):
            yield "mode: batch: each stage waits for the provider's batches, which may take a day; no time is given"
        if any(demand.model.fallbacks for demand in demands):
            yield "fallbacks are left out: each role's first model is taken to answer everything"
        if any(demand.asks.high for demand in demands):
            yield "retries after a failed request (rate limits, timeouts) are not among the requests"
        yield from (w.in_a_line() for w in self.compiled.checked.warnings if w.code not in OF_THIS_MACHINE)
        yield from self.compiled.checked.notes()

    def _warnings(self) -> Iterator[str]:
        yield from (w.in_a_line() for w in self.compiled.checked.warnings if w.code in OF_THIS_MACHINE)
        if self.folder.is_locked():
            yield f"another run is writing to {self.folder.path} now"
        try:
            refuse_another(self.folder.path, self.compiled.loaded.file.name, self.compiled.loaded.path)
        except InputError as error:
            yield from (f"{problem.place}: {problem.in_a_line()}" for problem in error.problems)


def _order(node: Node, longest: int) -> Iterator[str]:
    """What a person should know of the order in which a step asks."""
    if isinstance(node.step, GlobalModelStep):
        yield "it asks in waves: each waits for the last answer of the one before"
    elif longest > 1:
        yield f"up to {longest} LLM calls follow each other for one row; no row waits for another"
