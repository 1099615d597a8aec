"""What the journal's entries are to the step that asked: an answer, a refusal, or not all there."""

from __future__ import annotations

from collections.abc import Sequence

from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Answer, Refused, Sample
from bezoar_data.llms.journal.entry import Entry
from bezoar_data.llms.reading.answer import REASONING
from bezoar_data.llms.reading.thinking import with_thinking


def refusal_in(entries: Sequence[Entry | None]) -> Refused | None:
    """Why a question gets no answer: the first refusal among its samples, unless one of them is an answer."""
    first: Entry | None = None
    for entry in entries:
        if entry is not None:
            if entry.error is None:
                return None
            first = first or entry
    if first is None:
        return None
    paid = tuple(e.key for e in entries if e is not None and e.completion_tokens is not None)
    return Refused(first.error or "", first.detail, first.text, keys=paid, model=first.model)


def answer_of(entries: Sequence[Entry | None], model: Model, *, demo: bool) -> Answer:
    """The answer that a question's entries make, once all of them are there."""
    keep = model.thinking == "keep"
    return Answer(tuple([_sample(e, keep) for e in entries if e is not None]), model.model, demo)


def _sample(entry: Entry, keep: bool) -> Sample:
    if entry.error is not None:
        return Sample("", entry.finish_reason, entry.key, entry.error)
    text = entry.text or ""
    if keep and isinstance(thinking := entry.extra.get(REASONING), str):
        text = with_thinking(thinking, text)
    return Sample(text, entry.finish_reason, entry.key)
