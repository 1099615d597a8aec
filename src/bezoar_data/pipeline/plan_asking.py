"""Asking without sending: a step's generator is driven with the journal's answers, and stand-ins for the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping

from bezoar_data.llms.ask import Answer, Ask, Refused, Sample
from bezoar_data.llms.budget import most_prompt_tokens
from bezoar_data.llms.line import Found, KnownAnswers
from bezoar_data.llms.tally import cost_of
from bezoar_data.pipeline.compile import Node
from bezoar_data.pipeline.plan_tokens import Filler, Tokens
from bezoar_data.pipeline.plan_traffic import STAND_IN, Channel, Path, Walker
from bezoar_data.spec.errors import BezoarError
from bezoar_data.steps.base import RowStep
from bezoar_data.steps.verdicts import Dropped, Verdict, broken, refused

MOST_ASKS = 200
"""Questions asked for one row before a step is taken for one that stand-ins do not satisfy."""


class Asking:
    """Answers questions from the journal or by stand-ins, and books both. `weigh` says how many rows one stands for."""

    def __init__(
        self,
        known: KnownAnswers,
        tokens: Tokens,
        channels: Mapping[tuple[str, str], Channel],
        weigh: Callable[[float, Path], float],
    ) -> None:
        self.tokens = tokens
        self.filler = Filler()
        self._known = known
        self._channels = channels
        self._weigh = weigh
        self._asked: set[str] = set()

    def answer(self, node: Node, ask: Ask, base: float, path: Path, kept: float = 1.0) -> Answer | Refused:
        """The journal's answer, or a stand-in; both booked. Of the stand-ins, the share `kept` speaks for its row."""
        channel = self._channels[node.id, ask.to]
        found = self._known.find(channel.role, ask)
        # Equal questions are asked once.
        again = found.keys[0] in self._asked
        self._asked.add(found.keys[0])
        if found.outcome is not None:
            if not again and isinstance(found.outcome, Answer):
                self._book_found(channel, ask, found, base, path)
            return found.outcome
        model = self._known.model(channel.role)
        good = int(found.keys[0][:8], 16) / 16**8 < kept
        words = self.filler.words(channel.letter)
        # One for each sample: equal answers would make later questions equal.
        texts = [node.step.stand_in(ask, words, good=good) for _ in range(ask.n)]
        most = model.sampling.max_tokens
        length = self.tokens.text(texts[0]) if most is None else min(most, self.tokens.text(texts[0]))
        if not again:
            known, filling = self.tokens.prompt(ask.messages)
            amount = channel.ahead[path]
            missing = sum(entry is None for entry in found.entries)
            amount.asks += base
            amount.known += base * known
            for letter, count in filling.items():
                amount.filling[letter] += base * count  # type: ignore[assignment]
            amount.samples += base * missing
            amount.answers += base * length * missing
            channel.hits += self._weigh(base, path) * (ask.n - missing)
            prompt = most_prompt_tokens(ask.messages, ask.schema)
            channel.worst = max(channel.worst, cost_of(model.price, prompt, (most or 0) * missing) or 0.0)
        return Answer(tuple(Sample(text, "stop", STAND_IN) for text in texts), model.model)

    def _book_found(self, channel: Channel, ask: Ask, found: Found, base: float, path: Path) -> None:
        entries = [entry for entry in found.entries if entry is not None]
        weight = self._weigh(base, path)
        channel.hits += weight * len(entries)
        channel.paid += weight * sum(entry.cost or 0.0 for entry in entries)
        channel.answers += [e.completion_tokens for e in entries if e.completion_tokens is not None]
        billed = sum(entry.prompt_tokens or 0 for entry in entries)
        if billed:
            channel.estimated += self.tokens.prompt(ask.messages)[0]
            channel.billed += billed


class Drive:
    """One row through one step's generator."""

    def __init__(self, asking: Asking, node: Node, walker: Walker, kept: float) -> None:
        self._asking = asking
        self._node = node
        self._walker = walker
        self._kept = kept
        self.open = False
        self.asks: Counter[str] = Counter()
        self.answers: list[Answer] = []

    def verdict(self, step: RowStep) -> Verdict | None:
        """What the step says of the row; None when it asks again because of a stand-in."""
        turns = step.run_row(self._walker.row)
        try:
            ask = next(turns)
            while True:
                answer = self._asking.answer(self._node, ask, self._walker.base, self._walker.path, self._kept)
                self.asks[ask.to] += 1
                if isinstance(answer, Refused):
                    ask = turns.throw(answer)
                    continue
                self.answers.append(answer)
                stands_in = STAND_IN in answer.keys
                self.open |= stands_in
                said, ask = ask, turns.send(answer)
                again = ask.attempt > said.attempt and ask.to == said.to
                if stands_in and (again or self.asks.total() >= MOST_ASKS):
                    turns.close()
                    return None
        except StopIteration as end:
            verdict: Verdict = end.value
            return None if self.open and isinstance(verdict, Dropped) else verdict
        except Refused as error:
            return refused(error)
        except BezoarError:
            raise
        except Exception as error:
            return None if self.open else broken(error)
