"""Open models in this process, through transformers: no server, no key, the weights downloaded once.

Requests that wait at the same time are answered as one batch, at most `limits.concurrency` answers in it. A model is
loaded once a process whatever the number of roles that name it, and works in a thread of its own, so that everything
else goes on meanwhile. Weights come as safetensors only, and no code of a model's repository is run.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.config.paths import expand_home
from bezoar_data.config.problems import Problem, did_you_mean
from bezoar_data.llms.keys import HUB
from bezoar_data.llms.providers.base import Completion, Provider, Request, key_problems, read_key
from bezoar_data.llms.providers.common.of_stage import with_stage
from bezoar_data.llms.providers.common.transformers_model import LocalModel, Row, row_seed
from bezoar_data.llms.redact import redact
from bezoar_data.llms.retry_policy import Refusal
from bezoar_data.runs.stage_record import STAGE_FILE, StageRecord

GATHER = 0.02
"""Seconds that an idle model waits for company for a lone request."""
SETTINGS: dict[str, type] = {"load_in_4bit": bool, "dtype": str, "chat_template": str}
"""What `extra_body` may say here."""
_DTYPES = ("auto", "float32", "bfloat16", "float16")
_PACKAGES = ("torch", "transformers", "accelerate")


class Transformers(Provider):
    """A causal language model by its name on the Hugging Face Hub, or a folder. The folder of a recipe's stage tells
    under which licence its answers are, and whether it is a demo."""

    kind = "transformers"
    needs_network = False

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._workers: dict[str, asyncio.Future[_Worker]] = {}

    @classmethod
    def as_asked(cls, model: Model) -> Model:
        folder = expand_home(model.model)
        try:
            record = StageRecord.read(folder / STAGE_FILE) if (folder / STAGE_FILE).is_file() else None
        except InputError:
            return model  # it is a folder of weights all the same
        return model if record is None else with_stage(model, folder, record, "model")

    @property
    def address(self) -> str:
        return f"{self.model.model} in this process"

    def problems(self) -> list[Problem]:
        body = self.model.extra_body
        needed = (*_PACKAGES, "bitsandbytes") if body.get("load_in_4bit") else _PACKAGES
        found = [] if not (missing := _missing(needed)) else [_not_installed(missing)]
        # Weights that lie here need no key.
        keys = [p for p in key_problems(self.model, HUB) if p.code != "no-key"]
        return [*found, *keys, *_setting_problems(self.model)]

    async def open(self) -> None:
        await self._worker(self.model)

    async def close(self) -> None:
        workers, self._workers = self._workers, {}
        for made in workers.values():
            if made.done() and not made.cancelled() and made.exception() is None:
                await asyncio.to_thread(_let_go, made.result())

    async def complete(self, request: Request) -> Sequence[Completion]:
        worker = await self._worker(request.model)
        job = Job(request)
        try:
            return await asyncio.wrap_future(worker.put(job))
        except asyncio.CancelledError:
            job.gone = True
            raise

    async def _worker(self, model: Model) -> _Worker:
        """The model's worker, loaded on first use. Roles that share this object may differ in revision and settings."""
        name = _identity(model)
        made = self._workers.get(name)
        if made is None:
            made = self._workers[name] = asyncio.ensure_future(asyncio.to_thread(_take, name, model))
        return await asyncio.shield(made)


@dataclass(slots=True, eq=False)
class Job:
    """One request on its way through a worker."""

    request: Request
    future: Future[list[Completion]] = field(default_factory=Future)
    gone: bool = False
    """Nobody waits for it any more."""


class _Worker:
    """A loaded model and the thread it works in. Jobs come from any thread and any event loop."""

    def __init__(self, name: str, local: LocalModel) -> None:
        self.name = name
        self.users = 0
        self._local = local
        self._jobs: deque[Job] = deque()
        self._news = threading.Condition()
        self._over = False
        self._thread = threading.Thread(target=self._run, name="bezoar-transformers", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> Future[list[Completion]]:
        with self._news:
            self._jobs.append(job)
            self._news.notify()
        return job.future

    def end(self) -> None:
        with self._news:
            self._over = True
            for job in self._jobs:
                job.future.cancel()
            self._jobs.clear()
            self._news.notify()
        self._thread.join()

    def _run(self) -> None:
        while batch := self._next():
            try:
                self._answer(batch)
            except BaseException as error:  # whatever it is, those who wait must hear of it
                for job in batch:
                    if not job.future.done():
                        job.future.set_exception(error)

    def _next(self) -> list[Job]:
        """The jobs of the next batch; none when it is over."""
        with self._news:
            while not self._over:
                while not self._jobs and not self._over:
                    self._news.wait()
                self._gather()
                if batch := self._batch():
                    return batch
        return []

    def _gather(self) -> None:
        """Wait a little for company, if there is room for it."""
        until = time.monotonic() + GATHER
        while self._jobs and (left := until - time.monotonic()) > 0:
            if sum(job.request.n for job in self._jobs) >= _most(self._jobs[0]):
                return
            self._news.wait(left)

    def _batch(self) -> list[Job]:
        batch: list[Job] = []
        rows = 0
        while self._jobs and (not batch or rows < _most(batch[0])):
            job = self._jobs.popleft()
            if not job.gone and job.future.set_running_or_notify_cancel():
                batch.append(job)
                rows += job.request.n
        return batch

    def _answer(self, batch: Sequence[Job]) -> None:
        taken: list[tuple[Job, list[Row]]] = []
        left = _most(batch[0])
        for job in batch:
            try:
                # Fewer answers than wanted are allowed: the rest is asked again.
                rows = self._rows(job, max(1, left))
            except Refusal as refusal:
                job.future.set_exception(refusal)
                continue
            left -= len(rows)
            taken.append((job, rows))
        if taken:
            self._local.generate([row for _, rows in taken for row in rows])
        for job, rows in taken:
            job.future.set_result([_completion(row, first=row is rows[0]) for row in rows])

    def _rows(self, job: Job, most: int) -> list[Row]:
        request = job.request
        sampling, template = request.sampling, request.model.extra_body.get("chat_template")
        return [
            self._local.row(
                request.messages,
                sampling,
                template,
                row_seed(request.messages, sampling.seed, request.attempt, sample),
                lambda: not job.gone,
            )
            for sample in request.samples[:most]
        ]


_lock = threading.Lock()
_loaded: dict[tuple[int, str], _Worker] = {}
"""By process and identity: a forked child has none of its parent's threads."""


def _take(name: str, model: Model) -> _Worker:
    """The worker for a model, loading it if nobody has yet. To be given back with `_let_go`."""
    with _lock:
        worker = _loaded.get((os.getpid(), name))
        if worker is None:
            worker = _loaded[os.getpid(), name] = _Worker(name, _load(model))
        worker.users += 1
        return worker


def _let_go(worker: _Worker) -> None:
    with _lock:
        worker.users -= 1
        if worker.users:
            return
        _loaded.pop((os.getpid(), worker.name), None)
    worker.end()


def _load(model: Model) -> LocalModel:
    token = read_key(model, HUB) if os.environ.get(model.api_key_env or "", "").strip() else None
    try:
        return LocalModel(model.model, model.revision, model.extra_body, token)
    except (OSError, ValueError, ImportError) as error:
        lines = redact(str(error)).strip().splitlines() or [type(error).__name__]
        message = f"model '{model.model}' cannot be loaded: {lines[0]}"
        hint = "its name, revision and access right? Weights must be safetensors, and no code of its own is run"
        raise InputError(Problem("model-not-loaded", message, hint=hint)) from error


def _identity(model: Model) -> str:
    """What makes two entries the same loaded model."""
    body = {name: model.extra_body.get(name) for name in ("load_in_4bit", "dtype")}
    return json.dumps([model.model, model.revision, body, model.api_key_env], sort_keys=True)


def _most(job: Job) -> int:
    return job.request.model.limits.concurrency


def _completion(row: Row, *, first: bool) -> Completion:
    """A request's prompt is counted with its first answer."""
    return Completion(row.text, row.reason, len(row.prompt) if first else 0, len(row.answer))


def _missing(packages: Sequence[str]) -> list[str]:
    return [name for name in packages if importlib.util.find_spec(name) is None]


def _not_installed(missing: Sequence[str]) -> Problem:
    message = f"provider 'transformers' needs {' and '.join(missing)}, not installed here"
    return Problem("provider-not-installed", message, hint='pip install "bezoar-data[train]"')


def _setting_problems(model: Model) -> list[Problem]:
    who, found = f"extra_body of model '{model.model}'", []
    for name, value in model.extra_body.items():
        kind: Any = SETTINGS.get(name)
        if kind is None:
            message = f"{who} has '{name}', which provider 'transformers' does not know"
            found.append(Problem("unknown-setting", message, hint=did_you_mean(name, list(SETTINGS))))
        elif not isinstance(value, kind) or (name == "dtype" and value not in _DTYPES):
            right = ", ".join(_DTYPES) if name == "dtype" else "true or false" if kind is bool else "a text"
            found.append(Problem("bad-setting", f"'{name}' in {who} is not right", hint=f"it is {right}"))
    if model.base_url is not None:
        message = f"model '{model.model}' has a base_url, but provider 'transformers' runs it in this process"
        found.append(Problem("no-address", message, hint="leave base_url out, or name provider 'openai'"))
    return found
