"""Keys of the Hub that tell where texts and labels came from, worked out from the lock.

What a model did, what stood in a source and what nobody labelled, the lock knows: these words are never a person's. Who
the people were it does not know: `crowdsourced` and `expert-generated` are, and stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bezoar_data.runs.lock import Lock

ORIGINS = ("annotations_creators", "language_creators", "multilinguality", "arxiv")
MACHINE, FOUND, NOBODY, PEOPLE = "machine-generated", "found", "no-annotation", "other"
_WHICH_PEOPLE = ("crowdsourced", "expert-generated")
_ONE, _SEVERAL = "monolingual", "multilingual"
_PAPERS = {
    "evol_instruct.": "2304.12244",
    "lamini.": "2304.14402",
    "orca.": "2306.02707",
    "pairs.best_worst": "2406.08673",
}
"""The paper of a method, by what its steps are called. Of rows that were read nothing tells whose they are."""


def origin_keys(written: Mapping[str, Any], own: Mapping[str, Any], lock: Lock) -> dict[str, list[str]]:
    """`annotations_creators`, `language_creators`, `multilinguality` and `arxiv`, as far as they are known. `written`
    holds a person's keys, `own` what they wrote under `bezoar:`."""
    annotations, languages, multilinguality, papers = (listed(written.get(key)) for key in ORIGINS)
    made = (
        _annotations(annotations, own, lock),
        _language(languages, lock),
        _multilinguality(multilinguality, listed(written.get("language")), lock),
        _unique([*papers, *_papers(lock)]),
    )
    keys = dict(zip(ORIGINS, made, strict=True))
    return {key: value for key, value in keys.items() if value}


def listed(value: Any) -> list[str]:
    """What a key of the front matter holds: one text or several."""
    if value is None:
        return []
    return [str(v) for v in value] if isinstance(value, list) else [str(value)]


def _annotations(written: Sequence[str], own: Mapping[str, Any], lock: Lock) -> list[str]:
    judged = any(step.use.startswith("judge.") for step in lock.steps)
    labelled = any(view in (own.get("views") or {}) for view in ("preference", "rating"))
    made = [*([MACHINE] if judged else [FOUND] if labelled else []), *_people(written, there=lock.review is not None)]
    return _with_persons(written, made) or [NOBODY]


def _language(written: Sequence[str], lock: Lock) -> list[str]:
    judges = {step.id for step in lock.steps if step.use.startswith("judge.")}
    wrote = any(not model.rules and set(model.steps) - judges for model in lock.models)
    found = any(source.kept for source in lock.sources)
    corrected = lock.review is not None and lock.review.corrected > 0
    made = [*([FOUND] if found else []), *([MACHINE] if wrote else []), *_people(written, there=corrected)]
    return _with_persons(written, made)


def _people(written: Sequence[str], *, there: bool) -> list[str]:
    return [PEOPLE] if there and not any(word in written for word in _WHICH_PEOPLE) else []


def _with_persons(written: Sequence[str], made: Sequence[str]) -> list[str]:
    return _unique([*(word for word in written if word not in (MACHINE, FOUND, NOBODY, PEOPLE)), *made])


def _multilinguality(written: Sequence[str], languages: Sequence[str], lock: Lock) -> list[str]:
    """By the card's languages, else by those that a step let through."""
    kept = [step.settings.get("languages") for step in lock.steps if step.use == "language"]
    count = len(set(languages or listed(kept[-1] if kept else None)))
    if not count:
        return list(written)
    return _unique([*(word for word in written if word not in (_ONE, _SEVERAL)), _ONE if count == 1 else _SEVERAL])


def _papers(lock: Lock) -> list[str]:
    return [paper for use, paper in _PAPERS.items() if any(step.use.startswith(use) for step in lock.steps)]


def _unique(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
