"""Adapters for steps that see all rows, and for steps that start them."""

# No `from __future__ import annotations`: distilabel reads the annotations of `process` as objects, not as text.

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, ClassVar

from distilabel.models.llms.base import LLM
from pydantic import Field, PrivateAttr

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.config.problems import Problem
from bezoar_data.llms.ask import Answer, Refused
from bezoar_data.runs.row import RESERVED, Columns, Row, canonical, digest
from bezoar_data.steps.answering import CUT, TRUNCATED
from bezoar_data.steps.base import (
    AsksModel,
    Child,
    Children,
    Dropped,
    GlobalRowStep,
    Kept,
    Source,
    SourceFacts,
    Verdict,
)
from bezoar_data.steps.external.adapter import Adapter, LoadedAdapter
from bezoar_data.steps.external.llm import Direct
from bezoar_data.steps.external.loading import outputs_of, started_by
from bezoar_data.steps.external.row_adapters import LEFT_OUT
from bezoar_data.steps.external.threads import RandomState


class ExternalGlobalStep(LoadedAdapter, GlobalRowStep):
    """An external global step.

    Each row carries its number in the column `_bezoar`. A row that comes back is known by it, or by being the same
    object; one that is neither cannot be traced to where it came from, and ends the run.
    """

    holds_rows: ClassVar[bool] = True

    def run_rows(self, rows: Sequence[Row]) -> list[Verdict]:
        given = [{**self.renaming.given(copy.deepcopy(r.columns)), RESERVED: str(i)} for i, r in enumerate(rows)]
        objects = {id(g): i for i, g in enumerate(given)}
        state = RandomState(self.seed, self.settings.get("seed"), str(self.name))
        try:
            with state.active():
                self.fill_seed(state.number)
                outs = outputs_of(self.step, given) if given else []
        except BezoarError:
            raise
        except Exception as error:
            message = f"'{self.target}' failed over all {len(rows)} rows: {type(error).__name__}: {error}"
            raise InputError(Problem("step-failed", message, hint="fix the step or what it is given")) from error
        became: list[list[Columns]] = [[] for _ in rows]
        for out in outs:
            i = self._number(out, objects, len(rows))
            plain = {k: v for k, v in out.items() if k != RESERVED}
            became[i].append(self.renaming.taken(rows[i].columns, plain))
        return [_verdict(out) for out in became]

    def _number(self, out: Columns, objects: dict[int, int], rows: int) -> int:
        mark = out.get(RESERVED)
        if isinstance(mark, str) and mark.isdigit() and int(mark) < rows:
            return int(mark)
        if id(out) in objects:
            return objects[id(out)]
        message = f"'{self.target}' gave back a row that cannot be traced to one it took"
        hint = f"let it keep the column '{RESERVED}' of the rows it gives back"
        raise InputError(Problem("untraceable-row", message, hint=hint))


class ExternalGlobalTask(AsksModel, ExternalGlobalStep):
    """A global step that asks a model. An answer counts for the row it was asked for where the step asks one question
    for each row, in their order; else for all rows."""

    llm: LLM = Field(description="The model: the name of a role in the models file.")

    def run_rows(self, rows: Sequence[Row]) -> list[Verdict]:
        direct = Direct(self.llm, str(self.name))
        self.step.llm.ask_through(direct)
        verdicts = super().run_rows(rows)
        for answers in direct.calls:
            by_row = len(answers) == len(rows)
            for i, row in enumerate(rows):
                own = answers[i : i + 1] if by_row else answers
                self._credit(row, own)
                verdict = verdicts[i]
                if isinstance(verdict, Kept) and any(isinstance(a, Answer) and a.is_cut for a in own):
                    verdicts[i] = replace(verdict, flag=Dropped(TRUNCATED, CUT))
        return verdicts

    def _credit(self, row: Row, answers: Sequence[Answer | Refused]) -> None:
        for answer in answers:
            if isinstance(answer, Answer):
                row.lineage = row.lineage.answered(str(self.name), answer.model, answer.keys, demo=answer.demo)


def _verdict(outs: Sequence[Columns]) -> Verdict:
    if not outs:
        return Dropped(LEFT_OUT)
    return Kept(outs[0]) if len(outs) == 1 else Children([Child(columns) for columns in outs])


class ExternalSource(Adapter, Source):
    """An external step that starts rows. Its rows' identity is the step's settings and their
    number; their hash stands in the lock."""

    code: str = Field(default="", description="What stands for the step's code: a new one makes new rows.")

    _seen: Any = PrivateAttr(default=None)

    @property
    def _revision(self) -> str:
        return digest(self.target, self.settings, self.code, length=16)

    def facts(self) -> Sequence[SourceFacts]:
        return [SourceFacts(str(self.name), self._revision, sha256=self._seen)]

    def read(self) -> Iterator[tuple[str, str, int, Columns | Dropped]]:
        self.renew()
        self.make_ready()
        hashed = sha256()
        for index, columns in enumerate(self._rows()):
            hashed.update(_text(columns).encode("utf-8", "surrogatepass"))
            yield str(self.name), self._revision, index, self.renaming.taken({}, columns)
        self._seen = hashed.hexdigest()

    def _rows(self) -> Iterator[Columns]:
        state = RandomState(self.seed, self.settings.get("seed"), str(self.name))
        batches = None
        while True:
            try:
                with state.active():
                    batches = started_by(self.step) if batches is None else batches
                    batch = list(next(batches))
            except StopIteration:
                return
            except Exception as error:
                message = f"'{self.target}' failed: {type(error).__name__}: {error}"
                raise InputError(Problem("step-failed", message, hint="fix the step or its settings")) from error
            yield from batch


def _text(columns: Columns) -> str:
    try:
        return canonical(columns)
    except TypeError:
        return repr(columns)
