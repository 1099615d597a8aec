"""A role of the models file as a distilabel LLM, so that any distilabel task asks through the gateway.

In the streaming engine the LLM is bound to the engine's gateway and loop. In distilabel's own runners, which copy and
pickle it into other processes, it makes a gateway of its own, on a loop thread, when it is loaded there; before
`load` it holds nothing but values. One failing request costs its own row only: the stock classes lose the batch.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import os
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from distilabel.models.llms.base import LLM, AsyncLLM
from pydantic import BaseModel, Field, PrivateAttr, field_serializer

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem
from bezoar_data.llms.ask import Answer, Ask, Refused, Sample
from bezoar_data.llms.gateway.gateway import Gateway
from bezoar_data.llms.gateway.on_thread import GatewayThread
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.entry import Entry
from bezoar_data.llms.reading.answer import Reading, read_answer

_LOGGER = logging.getLogger("distilabel.bezoar-data")

_Output = tuple[Answer, list[Entry]] | Refused


class _Runtime:
    """What an LLM holds once it runs: a gateway, its loop, perhaps a thread. A copy of it starts with nothing."""

    def __init__(self) -> None:
        self.gateway: Gateway | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.step = ""
        self._own: GatewayThread | None = None
        self._users = 0
        self._process = os.getpid()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[_Runtime], tuple[()]]:
        return _Runtime, ()

    def __deepcopy__(self, memo: dict[int, Any]) -> _Runtime:
        return _Runtime()

    def bind(self, gateway: Gateway, loop: asyncio.AbstractEventLoop, step: str) -> None:
        self.gateway, self.loop, self.step = gateway, loop, step

    def start(self, role: str, model: Model, journal: str, answers: Sequence[str]) -> None:
        """Make sure there is a gateway: the bound one, or one of our own. Several tasks may share it."""
        with self._lock:
            if self._process != os.getpid():
                # Forked: threads and connections stayed behind in the parent.
                self.gateway = self.loop = self._own = None
                self._users, self._process = 0, os.getpid()
            if self._own is not None:
                self._users += 1
                return
            if self.gateway is not None:
                return
            if model.mode == "batch":
                message = f"role '{role}' has mode: batch, and distilabel's own runner waits for each answer"
                hint = "run it with --engine stream, or leave mode: batch out"
                raise InputError(Problem("batch-needs-stream", message, hint=hint))
            opened = Journal.open(Path(journal), answers=[Path(name) for name in answers])
            self._own = GatewayThread({role: model}, opened, on_event=_log)
            self._users, self.gateway, self.loop = 1, self._own.gateway, self._own.loop

    def stop(self) -> None:
        """One user less; the last one closes what was made here. A bound gateway is its maker's to close."""
        with self._lock:
            if self._own is None or self._process != os.getpid():
                return
            self._users -= 1
            if self._users > 0:
                return
            own, self.gateway, self.loop, self._own = self._own, None, None, None
            own.close()

    def call(self, work: Callable[[Gateway], Awaitable[Any]]) -> Any:
        """Run `work` on the gateway's loop from any other thread, and wait for it."""
        loop = self.loop
        if _running_loop() is loop:
            raise RuntimeError("asked from the loop that must answer: await agenerate instead")
        assert self.gateway is not None  # noqa: S101
        assert loop is not None  # noqa: S101
        future = asyncio.run_coroutine_threadsafe(_awaited(work, self.gateway), loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def acall(self, work: Callable[[Gateway], Awaitable[Any]]) -> Any:
        """As `call`, for who is on a loop, this one or another."""
        assert self.gateway is not None  # noqa: S101
        assert self.loop is not None  # noqa: S101
        if _running_loop() is self.loop:
            return await work(self.gateway)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_awaited(work, self.gateway), self.loop))


class ChatLLM(AsyncLLM):
    """Answers as the role `role` of a models file. Sampling values stand in `spec`, not in `generation_kwargs`.

    Besides texts and token counts each output carries `finish_reason` and `key`, the journal's key of each text:
    columns `llm_<task>_finish_reason` and `llm_<task>_key` in distilabel's own tasks. A refused request has None as
    text and the reason as `finish_reason`.
    """

    role: str = Field(description="The role's name in the models file.")
    spec: Model = Field(description="The model of the role.")
    journal: str = Field(description="Path of the journal of answers.")
    answers: list[str] = Field(default_factory=list, description="Paths of files of recorded answers.")
    structured_output: Any = Field(default=None, description="A JSON schema for every answer: {format: json, schema}.")

    _runtime: _Runtime = PrivateAttr(default_factory=_Runtime)

    @field_serializer("spec")
    def _plain_spec(self, spec: Model) -> dict[str, Any]:
        # distilabel writes its pipelines as YAML and JSON: plain values only, no tuples and dates.
        return spec.model_dump(mode="json", exclude_defaults=True)

    @property
    def model_name(self) -> str:
        return self.spec.model

    def bind(self, gateway: Gateway, loop: asyncio.AbstractEventLoop, step: str = "") -> None:
        """Ask through this gateway, which runs on `loop`, instead of one of our own. `step` stands in the journal."""
        self._runtime.bind(gateway, loop, step)

    def load(self) -> None:
        super().load()
        self._runtime.start(self.role, self.spec, self.journal, self.answers)

    def unload(self) -> None:
        self._runtime.stop()
        super().unload()

    def generate(self, inputs: list[Any], num_generations: int = 1) -> list[Any]:
        """One output for each input, in order."""
        asks = [self._ask(i, num_generations) for i in inputs]
        return [self._output(o, num_generations) for o in self._ask_all(asks, self._runtime.step)]

    def generate_outputs(self, inputs: list[Any], num_generations: int = 1) -> list[Any]:
        if self.use_offline_batch_generation:
            message = f"role '{self.role}' uses distilabel's offline batch generation"
            raise InputError(Problem("offline-batch", message, hint="leave use_offline_batch_generation out"))
        return self.generate(inputs, num_generations)

    async def agenerate(self, input: Any, num_generations: int = 1) -> Any:
        """The output for one input, awaited on any loop."""
        self._ensure_loaded()
        ask, step = self._ask(input, num_generations), self._runtime.step or self.role
        output = await self._runtime.acall(lambda gateway: self._one(gateway, ask, step))
        return self._output(output, num_generations)

    def ask_each(self, asks: Sequence[Ask], *, step: str) -> list[Answer | Refused]:
        """All questions at once, within the model's limits; what a question's row alone suffers from is its result."""
        return [o if isinstance(o, Refused) else o[0] for o in self._ask_all(asks, step)]

    def _ensure_loaded(self) -> None:
        if self._runtime.gateway is None:
            self.load()

    def _ask_all(self, asks: Sequence[Ask], step: str) -> list[_Output]:
        self._ensure_loaded()
        name = step or self.role

        async def together(gateway: Gateway) -> list[_Output]:
            tasks = [asyncio.ensure_future(self._one(gateway, ask, name)) for ask in asks]
            try:
                return await asyncio.gather(*tasks)
            except BaseException:
                for task in tasks:
                    task.cancel()
                raise

        outputs: list[_Output] = self._runtime.call(together)
        return outputs

    async def _one(self, gateway: Gateway, ask: Ask, step: str) -> _Output:
        try:
            return await gateway.ask_fully(self.role, ask, step=step)
        except Refused as refusal:
            return refusal

    def _ask(self, formatted: Any, n: int) -> Ask:
        """A distilabel input, messages or (messages, structured output), as a question."""
        messages, structure = formatted if isinstance(formatted, tuple) else (formatted, None)
        if not all(isinstance(m.get("content"), str) for m in messages):
            message = f"role '{self.role}' was asked with a message that is not plain text"
            raise InputError(Problem("not-text", message, hint="images and tool calls are not supported"))
        return Ask(messages, structure_schema(structure or self.structured_output), n)

    def _output(self, output: _Output, n: int) -> dict[str, Any]:
        if isinstance(output, Refused):
            return {
                "generations": [None] * n,
                "statistics": {"input_tokens": [0] * n, "output_tokens": [0] * n},
                "finish_reason": [output.reason] * n,
                "key": [""] * n,
            }
        answer, entries = output
        return {
            "generations": [None if sample.refusal else sample.text for sample in answer.samples],
            "statistics": {
                "input_tokens": [e.prompt_tokens or 0 for e in entries],
                "output_tokens": [e.completion_tokens or 0 for e in entries],
            },
            "finish_reason": [sample.refusal or sample.finish_reason for sample in answer.samples],
            "key": [sample.key for sample in answer.samples],
        }


def ask_each(llm: LLM, asks: list[Ask], *, step: str) -> list[Answer | Refused]:
    """An answer or a refusal for each question, in order. Errors that end a run are raised.

    A `ChatLLM` asks through its gateway. Any other distilabel LLM answers by itself, without journal or limits: then
    keys are empty and nobody knows why an answer ended.
    """
    if isinstance(llm, ChatLLM):
        return llm.ask_each(asks, step=step)
    found: list[Answer | Refused | None] = [None] * len(asks)
    groups: dict[int, list[int]] = defaultdict(list)
    for i, ask in enumerate(asks):
        groups[ask.n].append(i)
    for members in groups.values():
        for i, output in zip(members, _foreign_outputs(llm, [asks[i] for i in members]), strict=True):
            found[i] = output
    return [f for f in found if f is not None]


def _foreign_outputs(llm: LLM, asks: list[Ask]) -> list[Answer | Refused]:
    """Ask a foreign LLM, together; if that fails, one by one, so that only the bad one is lost."""
    inputs = [
        (ask.messages, {"format": "json", "schema": ask.schema}) if ask.schema else list(ask.messages) for ask in asks
    ]
    try:
        outputs = llm.generate_outputs(inputs=inputs, num_generations=asks[0].n, **llm.get_generation_kwargs())
    except BezoarError:
        raise
    except Exception as error:
        if len(asks) > 1:
            return [output for ask in asks for output in _foreign_outputs(llm, [ask])]
        return [Refused("llm_error", f"{type(error).__name__}: {error}")]
    return [_foreign_answer(llm, output["generations"]) for output in outputs]


def _foreign_answer(llm: LLM, texts: Sequence[str | None]) -> Answer | Refused:
    if not texts or any(text is None for text in texts):
        return Refused("no_usable_answer", "the model gave no text")
    read = [read_answer(text or "", "stop", {}) or Reading(text or "", "stop", "stop", {}) for text in texts]
    if all(r.error for r in read):
        return Refused(read[0].error or "", read[0].detail)
    return Answer(tuple(Sample(r.text, "unknown", "", r.error or "") for r in read), llm.model_name)


def structure_schema(structure: Any) -> dict[str, Any] | None:
    """The JSON schema in distilabel's ways to ask for structured output."""
    if not structure:
        return None
    schema = structure.get("schema")
    if structure.get("format", "json") != "json" or not schema:
        message = f"structured output of the form '{structure.get('format')}' is not supported"
        raise InputError(Problem("structured-output", message, hint="use {format: json, schema: ...}"))
    if inspect.isclass(schema) and issubclass(schema, BaseModel):
        return schema.model_json_schema()
    found: dict[str, Any] = json.loads(schema) if isinstance(schema, str) else schema
    return found


def _log(what: str, facts: Mapping[str, Any]) -> None:
    """An endpoint is away, back, or asked otherwise: in distilabel's runners, its log is where people look."""
    _LOGGER.warning("%s is %s: %s", facts.get("address"), what, facts.get("why", ""))


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def _awaited(work: Callable[[Gateway], Awaitable[Any]], gateway: Gateway) -> Any:
    return await work(gateway)
