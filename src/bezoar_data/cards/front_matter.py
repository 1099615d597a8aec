"""The front matter of a rendered card: the Hub's own keys first, ours under `bezoar:`.

A person's keys come from the template and pass through; what a run measured (`size_categories`, `configs`,
`dataset_info` and nearly all of `bezoar:`) is made from the lock and replaces whatever stood there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bezoar_data.cards.hub_types import hub_features
from bezoar_data.cards.licences.hub_keys import KEYS, hub_keys, stated_names
from bezoar_data.cards.licences.lineage import HUB, Licence
from bezoar_data.cards.origins import ORIGINS, listed, origin_keys
from bezoar_data.cards.sections.context import HUB_ID, told_answers
from bezoar_data.config.sanitize import clean_text, mask_keys
from bezoar_data.runs.lock import DataFile, Lock, LockedSource
from bezoar_data.runs.record import as_json

FORMAT = 2

GENERATED = ("size_categories", "configs", "dataset_info", "bezoar")
"""The keys that a run alone writes."""
PERSONS = ("views", "fields", "about", "terms")
"""What a person writes under `bezoar:`."""

_FIRST = (*KEYS, "language", "pretty_name")
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_LARGER = "n>10M"


def build_front(person: Mapping[str, Any], own: Mapping[str, Any], lock: Lock, licence: Licence) -> dict[str, Any]:
    """A rendered card's front matter.

    `person` holds the keys a person wrote, without those in `GENERATED`; `own` is what they wrote under `bezoar:`.
    """
    stated = stated_names(person)
    link = {"license_link": person["license_link"]} if stated and "license_link" in person else {}
    person = {k: v for k, v in person.items() if k not in KEYS} | hub_keys(licence, stated) | link
    front: dict[str, Any] = {k: person[k] for k in _FIRST if k in person}
    front["size_categories"] = [size_category(lock.counts.kept)]
    if "task_categories" in person:
        front["task_categories"] = person["task_categories"]
    front["tags"] = _tags(person.get("tags"), synthetic=bool(lock.models), demo=lock.demo)
    if sources := _source_datasets(person.get("source_datasets"), lock.sources):
        front["source_datasets"] = sources
    front |= origin_keys(person, own, lock)
    front["configs"] = _configs(lock.data)
    if info := _dataset_info(lock):
        front["dataset_info"] = info
    front.update({k: v for k, v in person.items() if k not in front and k not in (*GENERATED, *ORIGINS)})
    front["bezoar"] = _bezoar(own, lock, licence)
    return front


def size_category(rows: int) -> str:
    """The Hub's size category of so many rows."""
    return next((name for bound, name in _SIZES if rows < bound), _LARGER)


def _tags(written: Any, *, synthetic: bool, demo: bool) -> list[str]:
    # A person may have kept the tags of an earlier render, the demo mark among them.
    ours = {"synthetic": synthetic, "distilabel": True, "bezoar-data": True, "demo": demo}
    return [*(tag for tag in listed(written) if tag not in ours), *(tag for tag, holds in ours.items() if holds)]


def _source_datasets(written: Any, sources: Sequence[LockedSource]) -> list[str]:
    names = listed(written)
    for source in sources:
        url = source.url or ""
        name = url.removeprefix(HUB) if url.startswith(HUB) else source.name
        if url.startswith(HUB) and HUB_ID.match(name):
            names.append(name)
    return list(dict.fromkeys(names))


def declared_data(data: Sequence[DataFile]) -> list[DataFile]:
    """The files that are declared to the Hub: `datasets` cannot load a split without rows, and then loads no other.

    Of a dataset without any row all are declared; it can be streamed.
    """
    return [file for file in data if file.rows] or list(data)


def _configs(data: Sequence[DataFile]) -> list[dict[str, Any]]:
    files: dict[str, list[str]] = {}
    for file in declared_data(data):
        files.setdefault(file.split, []).append(file.path)
    parts = [{"split": s, "path": paths[0] if len(paths) == 1 else paths} for s, paths in files.items()]
    return [{"config_name": "default", "data_files": parts}]


def _dataset_info(lock: Lock) -> dict[str, Any] | None:
    features = hub_features(lock.columns)
    if features is None:
        return None
    splits: dict[str, dict[str, Any]] = {}
    size = 0
    for file in declared_data(lock.data):
        split = splits.setdefault(file.split, {"name": file.split, "num_bytes": 0, "num_examples": 0})
        split["num_bytes"] += file.memory
        split["num_examples"] += file.rows
        size += file.bytes
    return {
        "config_name": "default",
        "features": features,
        "splits": list(splits.values()),
        "download_size": size,
        "dataset_size": sum(split["num_bytes"] for split in splits.values()),
    }


def _bezoar(own: Mapping[str, Any], lock: Lock, licence: Licence) -> dict[str, Any]:
    """Ours, for programs that read many cards: what a build is. All else stands in the lock."""
    made = {
        "version": FORMAT,
        "pipeline": {"name": lock.pipeline.name, "version": lock.pipeline.version},
        "lock": lock.hash,
        "demo": lock.demo,
        "counts": as_json(lock.counts),
        "licence": {"result": licence.result, "commercial": licence.commercial, "stated": licence.stated},
    }
    if answers := told_answers(own):
        made["answers"] = dict(answers)
    return {**clean_value(made), **{key: own[key] for key in PERSONS if own.get(key)}}


def facts_of(own: Mapping[str, Any], lock: Lock, licence: Licence) -> dict[str, Any]:
    """Everything about a dataset that training, publishing and exports ask for, from its lock; `own` is what a person
    wrote under `bezoar:`."""
    made: dict[str, Any] = {
        "pipeline": {"name": lock.pipeline.name, "version": lock.pipeline.version},
        "demo": lock.demo,
        "sources": [as_json(source) for source in lock.sources],
        "licence": {
            "result": licence.result,
            "commercial": licence.commercial,
            "stated": licence.stated,
            "reasons": list(licence.reasons),
            "conflicts": list(licence.conflicts),
            "attribution": list(licence.attribution),
        },
        "judge": [
            {"name": judge.name, "step": judge.step, "reliability": reliability(lock, judge.name)}
            for judge in (*lock.judges, *lock.judging.comparisons)
        ],
        "review": as_json(lock.review) if lock.review else "none",
        "contamination": as_json(lock.contamination) if lock.contamination else "not checked",
    }
    return {**clean_value(made), **{key: own[key] for key in PERSONS if own.get(key)}}


def reliability(lock: Lock, name: str) -> list[dict[str, Any]] | str:
    """How far a judge agrees with people, as far as that was measured: on the rows that hold for the dataset."""
    shown = ("columns", "rows", "agreement", "kappa", "weighted_kappa")
    measured = [{**as_json(one), **as_json(one.by_draw[0][1])} for one in lock.judging.people.of_judge(name)]
    return [{key: one[key] for key in shown if one[key] is not None} for one in measured] or "not measured"


def clean_value(value: Any) -> Any:
    """The value with every text in it on one line, without control characters and keys."""
    if isinstance(value, str):
        return clean_text(mask_keys(value), one_line=True)
    if isinstance(value, Mapping):
        return {clean_text(str(k), one_line=True): clean_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [clean_value(v) for v in value]
    return value
