"""Planning a run: what it would ask, cost and write, told before the first request.

The pipeline is compiled and walked as a run would, with the journal's answers and with stand-ins for the others
(`plan_replay`); what stands on stand-ins becomes an interval (`plan_chances`), learned from past runs where there are
any (`plan_past`). docs/plan.md says what the numbers mean.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from types import ModuleType

from bezoar_data.config.files.models import Model
from bezoar_data.llms.gateway.fallbacks import CachedAnswers
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.history import PastAnswer, past_answers
from bezoar_data.pipeline.compile import Compiled, compile_pipeline
from bezoar_data.pipeline.load import Checked
from bezoar_data.plan.duration import seconds, speed_of
from bezoar_data.plan.flow import Channel, Key
from bezoar_data.plan.history import Past, read_past
from bezoar_data.plan.priors import LEAST, Factor
from bezoar_data.plan.replay import Replay
from bezoar_data.plan.result import (
    Basis,
    BudgetCheck,
    Interval,
    ModelUse,
    Plan,
    PlannedFile,
    PlannedStep,
)
from bezoar_data.plan.simulate import Chances, Outcome, Unknowns
from bezoar_data.plan.token_count import Tokens
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.splits import TRAIN
from bezoar_data.steps.verdicts import answer_name

LENGTHS_OFF = (0.6, 1.7)
"""By what factor assumed lengths of answers may be off, 95 of 100 times: models differ in how much they say. Ours."""
REASKED = (0.95, 1.08)
"""Questions asked for one that should do: some are asked again for an unusable answer, of equal ones only one. Ours."""
COUNTED = 30
"""Past prompts whose real count is compared with ours."""


def plan_pipeline(
    checked: Checked,
    folder: RunFolder,
    *,
    limit: int | None = None,
    max_cost: float | None = None,
    retry_failed: bool = False,
    tokenizer: str | None = None,
) -> Plan:
    """Plan the run of a checked pipeline into `folder`, with the journal beside it. Sends nothing, writes nothing.

    `limit` is the most rows of each source, `max_cost` a budget in US dollars (say it to `load` too, which asks for
    prices then), `tokenizer` names whose tokens prompts are counted in (else by a rule of thumb). Raises `InputError`
    for sources and steps that cannot work.
    """
    compiled = compile_pipeline(checked, folder.journal, to_run=False)
    cap = max_cost if max_cost is not None else checked.loaded.file.max_cost
    with ExitStack() as held:
        held.enter_context(_without_hub())
        journal = None
        if folder.journal.exists():
            journal = held.enter_context(Journal.open(folder.journal, create=False))
        known = CachedAnswers(compiled.roles, journal, retry_failed=retry_failed)
        past = read_past(compiled, folder.path.parent)
        answers = {
            (node.id, to): past_answers(journal, known.model(role).model, answer_name(node.id, to)) if journal else []
            for node in compiled.nodes
            for to, role in node.roles.items()
        }
        same = {key: [] if key[0] in past.other else found for key, found in answers.items()}
        replay = Replay(compiled, known, _tokens(tokenizer), past, same, limit=limit)
        replay.walk()
        return _Planner(compiled, folder, known, answers, past, replay).plan(cap)


def _tokens(name: str | None) -> Tokens:
    if name is None:
        return Tokens()
    from bezoar_data.steps.curation.tokenizer import load_tokenizer

    return Tokens(load_tokenizer(name), name)


@contextmanager
def _without_hub() -> Iterator[None]:
    """While this lasts, nothing is fetched from the Hugging Face Hub: what is not on this machine is unknown."""
    from huggingface_hub import constants

    places: list[tuple[ModuleType, str]] = [(constants, "HF_HUB_OFFLINE")]
    if (config := sys.modules.get("datasets.config")) is not None:
        places.append((config, "HF_HUB_OFFLINE"))
    before = [getattr(module, name) for module, name in places]
    for module, name in places:
        setattr(module, name, True)
    try:
        yield
    finally:
        for (module, name), value in zip(places, before, strict=True):
            setattr(module, name, value)


@dataclass(frozen=True)
class _Planner:
    compiled: Compiled
    folder: RunFolder
    known: CachedAnswers
    answers: Mapping[Key, Sequence[PastAnswer]]
    past: Past
    replay: Replay

    def plan(self, cap: float | None) -> Plan:
        models = {key: self.known.model(channel.role) for key, channel in self.replay.channels.items()}
        lengths = {key: self._lengths(key, channel) for key, channel in self.replay.channels.items()}
        unknowns = Unknowns(
            lengths={kind: factor for kinds in lengths.values() for kind, factor in kinds.items()},
            asks={key: self._asks(key) for key in self.replay.channels},
            saved={
                key: channel.lucky / max(1.0, channel.open_asks - channel.lucky)
                for key, channel in self.replay.channels.items()
            },
            doubt=self.replay.doubt,
            counting=self._counting(models),
            prices={key: model.price for key, model in models.items()},
            most_asks=self._most_asks(),
        )
        outcome = Chances(self.replay, unknowns).outcome()
        unclear = any(self.replay.traffic[node].opaque for node, _ in self.replay.channels)
        uses = {key: self._use(key, models[key], outcome, lengths[key]) for key in self.replay.channels}
        unpriced = tuple(
            dict.fromkeys(
                use.model for use in uses.values() if not use.priced and (use.requests is None or use.requests.high)
            )
        )
        cost = None if unpriced or unclear else outcome.total.cost
        speeds = {
            key: speed_of(models[key], uses[key].answer_tokens, [a.seconds for a in self.answers[key]]) for key in uses
        }
        last = self.compiled.last.id
        return Plan(
            name=self.compiled.loaded.file.name,
            description=self.compiled.loaded.file.description,
            file=str(self.compiled.loaded.path),
            out=str(self.folder.path),
            journal=str(self.folder.journal),
            steps=tuple(self._step(node.id, outcome, uses) for node in self.compiled.nodes),
            requests=None if unclear else outcome.total.requests.whole(),
            prompt_tokens=None if unclear else outcome.total.prompt_tokens.whole(),
            completion_tokens=None if unclear else outcome.total.completion_tokens.whole(),
            cost=cost,
            unpriced=unpriced,
            from_journal=sum(use.from_journal for use in uses.values()),
            paid=sum(use.paid for use in uses.values()),
            seconds=None if unclear else seconds(self.compiled, self.replay, outcome, models, speeds),
            rows=None if self.replay.traffic[last].opaque else outcome.rows_out[last].whole(),
            counted_by=self.replay.tokens.name,
            budget=None if cap is None else self._budget(cap, cost),
            files=tuple(self._files()),
            notes=tuple(self._notes(models)),
            warnings=tuple(self._warnings()),
        )

    def _step(self, name: str, outcome: Outcome, uses: Mapping[Key, ModelUse]) -> PlannedStep:
        node, traffic = self.compiled.node(name), self.replay.traffic[name]
        notes = list(node.step.order_notes()) if hasattr(node.step, "order_notes") else []
        basis: Basis = "exact"
        if traffic.opaque:
            basis = "unknown"
        elif traffic.share is not None:
            basis = "learned" if traffic.share.total else "assumed"
        return PlannedStep(
            id=node.id,
            use=node.use,
            kind=node.kind,
            after=node.after,
            rows_in=None if traffic.unknown else outcome.rows_in[name].whole(),
            rows_out=None if traffic.opaque else outcome.rows_out[name].whole(),
            basis=basis,
            waits=node.is_barrier,
            models=tuple(use for key, use in uses.items() if key[0] == name),
            notes=(*notes, *traffic.notes),
        )

    def _use(self, key: Key, model: Model, outcome: Outcome, lengths: Mapping[str, Factor]) -> ModelUse:
        channel, numbers = self.replay.channels[key], outcome.channels[key]
        unknown = self.replay.traffic[key[0]].opaque
        ahead = [lengths[kind.letter] for kind in channel.kinds.values() if channel.share_of(kind)]
        basis: Basis = "learned" if all(factor.learned_from for factor in ahead) else "assumed"
        if unknown:
            basis = "unknown"
        elif numbers.requests.high == 0:
            basis = "exact"
        return ModelUse(
            role=channel.role,
            model=model.model,
            provider=model.provider,
            requests=None if unknown else numbers.requests.whole(),
            prompt_tokens=None if unknown else numbers.prompt_tokens.whole(),
            completion_tokens=None if unknown else numbers.completion_tokens.whole(),
            cost=None if unknown or model.price is None else numbers.cost,
            priced=model.price is not None,
            from_journal=round(channel.hits),
            paid=channel.paid,
            answer_tokens=channel.guessed(lengths),
            basis=basis,
            learned_from=sum(factor.learned_from for factor in ahead),
        )

    # What is not known.

    def _lengths(self, key: Key, channel: Channel) -> dict[str, Factor]:
        """For each kind of answers, by its letters, the factor of its lengths: learned of past answers of the kind, or
        of locks, which tell the mean of all kinds alone."""
        alike = self.replay.traffic[key[0]].alike
        asks, step = sum(amount.asks for amount in channel.ahead.values()), self.past.steps.get(key[0])
        locked = step.lengths(answer_name(*key), channel.guessed()) if step else None
        found = {}
        for kind in channel.kinds.values():
            lengths = kind.lengths() or locked
            ahead = asks * channel.share_of(kind)
            found[kind.letter] = lengths.factor(ahead, alike) if lengths else Factor.assumed(*LENGTHS_OFF, mid=1.0)
        return found

    def _asks(self, key: Key) -> Factor:
        """How many questions are asked for each that the replay asked."""
        channel, traffic = self.replay.channels[key], self.replay.traffic[key[0]]
        makes_all = self.compiled.node(key[0]).id in self._most_asks()
        rows = traffic.open_in
        if not rows or not channel.open_asks:
            return Factor()
        base = channel.open_asks / rows
        step = self.past.steps.get(key[0])
        past_rows = (step.rows_out if makes_all else step.rows_in) if step else 0
        past_asks = step.asks.get(answer_name(*key), 0) if step else 0
        if channel.seen_asks and traffic.seen_in > past_rows:
            past_rows = round(traffic.seen_kept if makes_all else traffic.seen_in)
            past_asks = round(channel.seen_asks)
        if past_rows < LEAST or not past_asks:
            if makes_all:
                low, high = self.compiled.node(key[0]).step.keep_rate()
                return Factor.assumed(1 / high, 1 / low, least=1.0)
            # Of prompts that are all known, equal ones were found.
            certain = not any(amount.filling for amount in channel.ahead.values())
            return Factor.assumed(*REASKED, mid=sum(REASKED) / 2, least=1.0 if certain else 0.0)
        ratio = past_asks / past_rows / base
        # How often one is asked again is a matter of counts; how much one request brings, of lengths.
        odd = 0.25 if makes_all else (max(abs(ratio - 1), 1 / past_rows)) ** 0.5
        n, ahead = (past_asks, channel.open_asks) if makes_all else (past_rows, rows)
        return Factor(ratio, odd * (traffic.alike / n + traffic.alike / ahead) ** 0.5, past_rows)

    def _counting(self, models: Mapping[Key, Model]) -> dict[Key, Factor]:
        """How far our count of prompt tokens is off: by the answers found, by others of the model, by assumption."""
        tokens, found = self.replay.tokens, {}
        for key, channel in self.replay.channels.items():
            estimated, billed = channel.estimated, channel.billed
            if not billed:
                past = (a for a in self.answers[key] if a.messages and a.prompt_tokens)
                for answer in islice(past, COUNTED):
                    assert answer.messages is not None and answer.prompt_tokens is not None  # noqa: S101
                    estimated += tokens.prompt(answer.messages)[0]
                    billed += answer.prompt_tokens
            if billed and estimated:
                found[key] = Factor(billed / estimated, 0.02, COUNTED)
            else:
                low, high = tokens.range
                found[key] = Factor.assumed(low, high, mid=1.0)
        return found

    def _most_asks(self) -> dict[str, float]:
        """The steps that ask until they have enough, with the most they may ask besides what the journal holds."""
        found = {}
        for node in self.compiled.nodes:
            if (most := getattr(node.step, "most_requests", None)) is not None:
                found[node.id] = max(0.0, most - self.replay.channels[node.id, "llm"].hits)
        return found

    # What else a plan says.

    def _budget(self, cap: float, cost: Interval | None) -> BudgetCheck:
        if cost is None:
            return BudgetCheck(cap, "unknown", None)
        worst = max((c.worst for c in self.replay.channels.values()), default=0.0) if cost.high else 0.0
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
            folder.pipeline: "the pipeline as run",
            **({folder.card: "the card's template"} if self.compiled.checked.card else {}),
            folder.distilabel: "the same as distilabel writes its pipelines",
            folder.run_json: "this run's times and rates",
            folder.journal: "the answers",
        }
        for path, text in what.items():
            yield PlannedFile(str(path), text, path.exists())

    def _notes(self, models: Mapping[Key, Model]) -> Iterator[str]:
        assumed = [key for key, c in self.replay.channels.items() if c.ahead]
        if any(model.mode == "batch" for model in models.values()):
            yield "mode: batch: each stage waits for the provider's batches, which may take a day; no time is told"
        if any(model.fallbacks for model in models.values()):
            yield "fallbacks are left out: the first model of each line is taken to answer everything"
        if assumed:
            yield "tries after a failed request (rate limits, time-outs) are not among the requests"

    def _warnings(self) -> Iterator[str]:
        for problem in self.compiled.checked.warnings:
            yield f"{problem.message}{f' ({problem.hint})' if problem.hint else ''}"
        if self.folder.is_held():
            yield f"another run is writing to {self.folder.path} now"
