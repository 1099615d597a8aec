"""Asking without sending: a step's generator is driven with the journal's answers, and stand-ins for the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from bezoar_data.llms.ask import Answer, Ask, Refused, Sample, canonical_messages
from bezoar_data.llms.endpoint.budget import most_prompt_tokens
from bezoar_data.llms.endpoint.usage import cost_of
from bezoar_data.llms.gateway.fallbacks import CachedAnswers, Found
from bezoar_data.llms.journal.history import PastAnswer
from bezoar_data.pipeline.compile import Node
from bezoar_data.plan.flow import STAND_IN, Channel, Key, Path, Walker
from bezoar_data.plan.kinds import Kind
from bezoar_data.plan.token_count import Filler, Tokens, letters
from bezoar_data.steps.base import RowStep
from bezoar_data.steps.driver import Outcome, RowRun
from bezoar_data.steps.verdicts import Dropped


@dataclass(frozen=True, slots=True)
class About:
    """The row a question is about: whether a stand-in has spoken of it already, and the share of stand-ins that are to
    speak for it."""

    is_open: bool = False
    kept: float = 1.0


NOBODY = About()

MOST_ASKS = 200
"""Questions asked for one row before a step is taken for one that stand-ins do not satisfy."""


class Asking:
    """Answers questions from the journal or by stand-ins, and books both. `weigh` says how many rows one stands for."""

    def __init__(
        self,
        known: CachedAnswers,
        tokens: Tokens,
        channels: Mapping[Key, Channel],
        weigh: Callable[[float, Path], float],
        past: Mapping[Key, Sequence[PastAnswer]],
    ) -> None:
        self.tokens = tokens
        self.filler = Filler()
        self._known = known
        self._channels = channels
        self._weigh = weigh
        self._past = past
        self._letters = letters()
        self._asked: dict[tuple[str, ...], Answer] = {}
        self._repeated: set[str] = set()

    def answer(self, node: Node, ask: Ask, base: float, path: Path, about: About = NOBODY) -> Answer | Refused:
        """The journal's answer, or a stand-in; both booked."""
        channel = self._channels[node.id, ask.to]
        found = self._known.find(channel.role, ask)
        key = found.keys[0]
        # Equal questions are asked once.
        if (before := self._asked.get(found.keys)) is not None:
            channel.lucky += self._weigh(base, path) * self._is_lucky(ask, about)
            return before
        kind = self._learned(channel, node, ask)
        if found.outcome is not None:
            if isinstance(found.outcome, Answer):
                self._asked[found.keys] = found.outcome
                channel.lucky += self._weigh(base, path) * self._is_lucky(ask, about)
                self._book_found(channel, kind, node, ask, found, base, path)
            return found.outcome
        model = self._known.model(channel.role)
        good = int(key[:8], 16) / 16**8 < about.kept
        words = self.filler.words(kind.letter)
        # One for each sample: equal answers would make later questions equal.
        texts = [node.step.placeholder(ask, words, good=good) for _ in range(ask.n)]
        most = model.sampling.max_tokens
        length = self._length(texts[0], most)
        known, filling = self.tokens.prompt(ask.messages)
        amount = channel.ahead[path]
        missing = sum(entry is None for entry in found.entries)
        amount.asks += base
        amount.kinds[kind.letter] += base  # type: ignore[assignment]
        amount.known += base * known
        for letter, count in filling.items():
            amount.filling[letter] += base * count  # type: ignore[assignment]
        amount.samples += base * missing
        amount.answers[kind.letter] += base * length * missing  # type: ignore[assignment]
        channel.hits += self._weigh(base, path) * (ask.n - missing)
        prompt = most_prompt_tokens(ask.messages, ask.schema)
        channel.worst = max(channel.worst, cost_of(model.price, prompt, (most or 0) * missing) or 0.0)
        if kind.equal and self.tokens.has_filling(texts[0]):
            texts = [kind.say(key[8:], text) for text in texts]
            self._repeated |= {text for text in texts if not self.tokens.has_filling(text)}
        answer = Answer(tuple(Sample(text, "stop", STAND_IN) for text in texts), model.model)
        self._asked[found.keys] = answer
        return answer

    def _is_lucky(self, ask: Ask, about: About) -> bool:
        """Whether this question is equal to another because a text came up in it that was drawn to be."""
        if not (about.is_open and self._repeated):
            return False
        said = "\n".join(message["content"] for message in ask.messages)
        return any(text in said for text in self._repeated)

    def kind(self, channel: Channel, name: str = "") -> Kind:
        """The channel's kind of this name, with letters of its own."""
        if name not in channel.kinds:
            channel.kinds[name] = Kind(next(self._letters))
        return channel.kinds[name]

    def _length(self, text: str, most: int | None) -> float:
        length = self.tokens.text(text)
        return length if most is None else min(most, length)

    def _learned(self, channel: Channel, node: Node, ask: Ask) -> Kind:
        """What is known of questions like this one: when the first comes up, the past ones are gone through."""
        name = node.step.kind_of(ask)
        is_new = name not in channel.kinds
        kind = self.kind(channel, name)
        if not is_new:
            return kind
        most = self._known.model(channel.role).sampling.max_tokens
        different: dict[bytes, str] = {}
        for answer in self._past[channel.node, channel.to]:
            if answer.messages is None or answer.text is None or not answer.completion_tokens:
                continue
            asked = replace(ask, messages=answer.messages, n=1, attempt=0)
            if node.step.kind_of(asked) == name:
                stood = node.step.placeholder(asked, self.filler.words(kind.letter))
                kind.past.append((self._length(stood, most), answer.completion_tokens))
                different[canonical_messages(answer.messages)] = answer.text
        if ask.schema is None and self.tokens.has_filling(node.step.placeholder(ask, self.filler.words(kind.letter))):
            kind.learn_equal(different.values())
        return kind

    def _book_found(
        self, channel: Channel, kind: Kind, node: Node, ask: Ask, found: Found, base: float, path: Path
    ) -> None:
        entries = [entry for entry in found.entries if entry is not None]
        weight = self._weigh(base, path)
        channel.hits += weight * len(entries)
        channel.paid += weight * sum(entry.cost or 0.0 for entry in entries)
        stood = self.tokens.text(node.step.placeholder(ask, self.filler.words(kind.letter)))
        kind.found += [(stood, e.completion_tokens) for e in entries if e.completion_tokens]
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

    def outcome(self, step: RowStep) -> Outcome | None:
        """What comes of the row; None when the step asks again or drops it because of a stand-in."""
        walker = self._walker
        run = RowRun(step, walker.row)
        said = run.next()
        while isinstance(said, Ask):
            ask, about = said, About(self.open or bool(walker.unknown), self._kept)
            answer = self._asking.answer(self._node, ask, walker.base, walker.path, about)
            self.asks[ask.to] += 1
            said = run.next(answer)
            if isinstance(answer, Refused):
                continue
            self.answers.append(answer)
            stands_in = STAND_IN in answer.keys
            self.open |= stands_in
            if stands_in and isinstance(said, Ask):
                again = said.attempt > ask.attempt and said.to == ask.to
                if again or self.asks.total() >= MOST_ASKS:
                    return None
        return None if self.open and isinstance(said.verdict, Dropped) else said
