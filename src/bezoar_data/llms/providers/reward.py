"""`reward`: a reward model as a judge, in this process: the folder that a recipe's `reward` stage left.

It answers `judge.reward` with its numbers, and `judge.attributes` with them as whole numbers from 0 to 4, if it was
trained on all five attributes. It gives no reasons, and does not say whether an answer is safe. Requests that wait at
the same time are scored as one batch. What it was trained on, and under which licence, it brings with it: the card of a
dataset that it judged names both.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import load_card
from bezoar_data.config.files.models import Model, OutputLicence, Price
from bezoar_data.config.paths import expand_home
from bezoar_data.config.problems import Problem
from bezoar_data.llms.ask import Message
from bezoar_data.llms.providers.base import Completion, Provider, Request
from bezoar_data.llms.providers.common.material import material_of
from bezoar_data.llms.retry_policy import Refusal
from bezoar_data.llms.reward.model import BATCH, RewardModel, TooLong
from bezoar_data.runs.reward_head import reward_head
from bezoar_data.runs.stage_record import CARD, STAGE_FILE, StageRecord

WAIT = 0.005
"""Seconds that an idle model waits for company for a lone request."""
DIGITS = 4
"""So many of a score are told: those after them hang on what else was in its batch."""
NOT_RATED = "not rated"
"""What it says of the safety of an answer."""
_ATTRIBUTES = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
_LEVELS = (0, 4)
_TURN = re.compile(r"(?:\A|\n\n)\[(system|user|assistant)\]\n")

Job = tuple[list[int], asyncio.Future[list[float]]]


class Reward(Provider):
    """A model that scores replies, by its folder."""

    kind: ClassVar[str] = "reward"
    needs_network: ClassVar[bool] = False
    answers: ClassVar[frozenset[str] | None] = frozenset({"judge.reward", "judge.attributes"})

    def __init__(self, model: Model) -> None:
        super().__init__(self.as_asked(model))
        self._scorer: RewardModel | None = None
        self._jobs: asyncio.Queue[Job] = asyncio.Queue()
        self._work: asyncio.Task[None] | None = None

    @classmethod
    def as_asked(cls, model: Model) -> Model:
        """Named by its recipe and stage, with the stage's key as the revision, and the licence of its weights."""
        where = model.local.file or model.model
        try:
            record = StageRecord.read(expand_home(where) / STAGE_FILE)
        except InputError:
            return model  # `problems` tells it
        changes: dict[str, Any] = {
            "model": f"{record.recipe['name']}/{record.stage}",
            "revision": record.key,
            "local": model.local.model_copy(update={"file": where}),
        }
        if model.price is None:
            changes["price"] = Price(input=0, output=0, read=date.min)  # it runs here
        if "concurrency" not in model.limits.model_fields_set:
            changes["limits"] = model.limits.model_copy(update={"concurrency": BATCH})
        if "output_licence" not in model.model_fields_set:
            changes["output_licence"] = _licence(expand_home(where), record)
        return model.model_copy(update=changes)

    @property
    def folder(self) -> Path:
        return expand_home(self.model.local.file or self.model.model)

    @property
    def address(self) -> str:
        return f"{self.model.model} in this process"

    def problems(self) -> list[Problem]:
        missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
        if missing:
            message = f"provider 'reward' needs {' and '.join(missing)}, not installed here"
            return [Problem("provider-not-installed", message, hint='pip install "bezoar-data[train]"')]
        try:
            StageRecord.read(self.folder / STAGE_FILE)
            head = reward_head(self.folder)
        except InputError as error:
            return list(error.problems)
        if head is None:
            message = f"the stage in '{self.folder}' leaves no model that scores replies"
            return [Problem("no-reward-model", message, hint="name the folder of a 'reward' stage")]
        return []

    async def open(self) -> None:
        self._scorer = await asyncio.to_thread(RewardModel, self.folder)
        self._work = asyncio.create_task(self._score())

    async def close(self) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def complete(self, request: Request) -> Sequence[Completion]:
        assert self._scorer is not None  # noqa: S101 (it is open)
        wanted = set((request.schema or {}).get("properties", ()))
        as_attributes = wanted >= {*_ATTRIBUTES}
        if not as_attributes and wanted != {"reward", "scores"}:
            raise Refusal(400, "a reward model answers judge.reward and judge.attributes, and nothing else")
        try:
            ids = self._scorer.encode(_conversation(request.messages) if as_attributes else request.messages)
        except TooLong as error:
            raise Refusal(413, str(error), "context_too_long") from None
        except ValueError as error:
            raise Refusal(422, str(error)) from None
        scored: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait((ids, scored))
        named = dict(zip(self._scorer.head.attributes, await scored, strict=True))
        said = self._rated(named) if as_attributes else self._said(named)
        return [Completion(json.dumps(said), "stop", len(ids), 0) for _ in request.samples]

    def _said(self, named: Mapping[str, float]) -> dict[str, Any]:
        assert self._scorer is not None  # noqa: S101
        reward = self._scorer.head.reward(list(named.values()))
        return {"reward": round(reward, DIGITS), "scores": {name: round(one, DIGITS) for name, one in named.items()}}

    def _rated(self, named: Mapping[str, float]) -> dict[str, Any]:
        if missing := [name for name in _ATTRIBUTES if name not in named]:
            raise Refusal(400, f"{self.model.model} does not score {', '.join(missing)}: ask it by judge.reward")
        low, high = _LEVELS
        levels = {name: min(high, max(low, round(named[name]))) for name in _ATTRIBUTES}
        reason = f"Its scores: {', '.join(f'{name} {named[name]:.2f}' for name in _ATTRIBUTES)}."
        return {"reason": reason, **levels, "safety": NOT_RATED}

    async def _score(self) -> None:
        """Score what waits, in batches, one after the other."""
        assert self._scorer is not None  # noqa: S101
        while True:
            batch = [await self._jobs.get()]
            most = self.model.limits.concurrency
            while len(batch) < most:
                try:
                    batch.append(await asyncio.wait_for(self._jobs.get(), WAIT))
                except TimeoutError:
                    break
            try:
                found = await asyncio.to_thread(self._scorer.score, [ids for ids, _ in batch], batch=most)
            except Exception as error:  # whatever it is, those who wait must hear of it
                for _, waiting in batch:
                    if not waiting.done():
                        waiting.set_exception(error)
                continue
            for (_, waiting), scores in zip(batch, found, strict=True):
                if not waiting.done():
                    waiting.set_result(scores)


def _conversation(messages: Sequence[Message]) -> list[Message]:
    """What a judge is shown as the turns it was. Raises `Refusal`."""
    pieces = material_of(messages)
    if pieces is None:
        raise Refusal(400, "there is no answer to score in the question")
    asked = pieces["instruction"]
    # Turns as a judge reads them: role, text, role, text...
    parts = _TURN.split(asked)
    turns = [{"role": "user", "content": asked}]
    if not parts[0] and len(parts) > 2:
        turns = [{"role": role, "content": text} for role, text in zip(parts[1::2], parts[2::2], strict=True)]
    system = [{"role": "system", "content": pieces["system_message"]}] if pieces.get("system_message") else []
    return [*system, *turns, {"role": "assistant", "content": pieces["response"]}]


def _licence(folder: Path, record: StageRecord) -> OutputLicence:
    """That of its weights, as its model card works it out, and what they were trained on."""
    try:
        known = load_card(folder / CARD).bezoar.get("licence") or {}
    except InputError:
        known = {}
    data = [f"{one.data.card} (lock {one.data.lock[:16]})" for one in record.stages if one.data is not None]
    made = any(one.data is not None and one.data.demo for one in record.stages) or "make" in record.base
    note = f"A reward model, trained on {', '.join(dict.fromkeys(data))}."
    # A README can be edited: what the record says of the data it was trained on cannot be allowed there.
    of_data = (one.data.licence.get("commercial") for one in record.stages if one.data is not None)
    said = [known.get("commercial"), *of_data]
    return OutputLicence(
        id=str(known.get("result") or "unknown"),
        commercial="no" if "no" in said else "yes" if all(one == "yes" for one in said) else "unknown",
        note=f"{note} It is a demo: it knows nothing worth knowing." if made else note,
    )
