"""Claims on files, identities and splits: what the rows are, and where they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

from bezoar_data.cards.claims.evidence import Evidence, some
from bezoar_data.cards.sections.context import told_answers
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.words import many
from bezoar_data.config.yaml.document import parse_yaml
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.ingredients import FOLDER, MANIFEST, AnswersManifest, check_published
from bezoar_data.runs.lock import Lock, LockedSource
from bezoar_data.runs.row import SOURCES, seed_id
from bezoar_data.runs.signed import SIGNED
from bezoar_data.runs.splits import SplitPlan

ALWAYS = ("README.md", "croissant.json", "lock.json")
_OF_THE_HUB = (".gitattributes",)
STRANGERS = ("file-link", "file-unknown")
"""The codes of what does not belong."""
_SEARCHED, _MOST_SEARCHED = 100_000, 1_000_000
"""So many places of a source are gone through beyond the number of its rows, and so many at most besides."""


_BY_THEMSELVES = ("union", "join")
"""Steps that come in where several meet in one."""


def known_files(folder: Path, lock: Lock, own: Mapping[str, Any]) -> set[str]:
    """The files that the lock names, and those that every dataset has. `own` is what the card has under `bezoar:`."""
    known = {*ALWAYS, *SIGNED, "pipeline.yaml", *(file.path for file in lock.data)}
    if lock.contamination and lock.contamination.report:
        known.add(lock.contamination.report.path)
    if (folder / MANIFEST).is_file() and own.get("answers"):
        known |= {MANIFEST, *AnswersManifest.read(folder / MANIFEST).files}
    return known


def belonging(folder: Path, lock: Lock, own: Mapping[str, Any]) -> Iterator[Problem]:
    """What stands in the folder and is none of them; of a folder without any, the folder alone."""
    known = {*known_files(folder, lock, own), *_OF_THE_HUB}
    folders = {parent for name in known for parent in PurePosixPath(name).parents}
    hint = "move it out of the dataset's folder"
    told: set[PurePosixPath] = set()
    for path in sorted(folder.rglob("*")):
        name = PurePosixPath(path.relative_to(folder).as_posix())
        if path.is_symlink():
            yield Problem(STRANGERS[0], "a link: what it leads to is not part of the dataset", Place(str(path)))
        elif not path.is_dir() and str(name) not in known:
            strange = next((one for one in reversed(name.parents) if one not in folders), name)
            if strange not in told:
                yield Problem(STRANGERS[1], "the lock knows no such file", Place(str(folder / strange)), hint)
            told.add(strange)


def files(seen: Evidence) -> Iterator[Problem]:
    yield from belonging(seen.folder, seen.lock, seen.card.bezoar)
    if seen.lock.contamination and (report := seen.lock.contamination.report):
        path = seen.folder / report.path
        if not path.is_file() or sha256_of(path) != report.sha256:
            message = "the report on contamination is not the one that the lock names"
            yield Problem("file-changed", message, Place(str(path)))
    if answers := told_answers(seen.card.bezoar):
        yield from check_published(seen.folder, answers)
    elif (seen.folder / FOLDER).exists():
        message = "there are answers beside the rows, and the card names none"
        yield Problem("file-unknown", message, Place(str(seen.folder / FOLDER)))


def columns(seen: Evidence) -> Iterator[Problem]:
    rows, lock = seen.rows, seen.lock
    if rows.by_file and rows.columns != dict(lock.columns):
        differing = sorted(set(rows.columns.items()) ^ set(dict(lock.columns).items()))
        names = ", ".join(dict.fromkeys(name for name, _ in differing))
        message = f"the columns are not those that the lock names: {names or 'their order'}"
        yield Problem("columns-differ", message, seen.lock_place)
    there_are = rows.values.result()
    every = {**there_are, **lock.values}
    if differing_values := [column for column in every if there_are.get(column) != lock.values.get(column)]:
        message = f"the lock counts other values than the rows hold in: {', '.join(differing_values)}"
        yield Problem("values-differ", message, seen.lock_place)
    lengths = rows.lengths.result()
    if wrong := [name for name in {**lengths, **lock.lengths} if lengths.get(name) != lock.lengths.get(name)]:
        message = f"the lock gives other lengths of texts or conversations than the rows have in: {', '.join(wrong)}"
        yield Problem("lengths-differ", message, seen.lock_place)


def identities(seen: Evidence) -> Iterator[Problem]:
    """Rows stand once, say of themselves what their lineage says, and their ids are hashes of where they come from."""
    rows, place = seen.rows, Place(str(seen.folder))
    if rows.twice:
        yield Problem("rows-twice", f"rows appear twice in the data: {some(rows.twice)}", place)
    if rows.unlike:
        message = f"rows whose columns name another origin than their lineage: {some(rows.unlike)}"
        yield Problem("lineage-differs", message, place)
    if rows.moved:
        yield Problem("rows-moved", f"rows are not in the order of their sources: {some(rows.moved)}", place)
    if rows.strange:
        message = f"ids that no step of the lock gives to rows of these parents: {some(rows.strange)}"
        yield Problem("ids-differ", message, place)
    yield from _seeds(seen)


def _seeds(seen: Evidence) -> Iterator[Problem]:
    """An id of a source row is the hash of source, revision and place there. Rows that a source passed over lie between
    those that are here, so its places are gone through; of one that was drawn from, some may lie further on."""
    by_source: dict[tuple[str, ...], dict[str, int | None]] = {}
    for seed, (source, number) in seen.rows.seeds.items():
        by_source.setdefault(tuple(source.split(SOURCES)), {})[seed] = number
    for names, seeds in by_source.items():
        sources = [source for source in seen.lock.sources if source.name in names]
        places = _places(seeds, sources)
        missing = [seed for seed in seeds if seed not in places]
        if wrong := missing if len(missing) * 2 > len(seeds) else _passed(missing, seeds, places):
            message = f"ids that no row of {', '.join(names)} has: they are not hashes of source, revision and place: "
            yield Problem("ids-differ", message + some(wrong), Place(str(seen.folder)))


def _places(seeds: Mapping[str, int | None], sources: Sequence[LockedSource]) -> dict[str, int]:
    """The place of each seed in its source, as far as it is found."""
    last = max(max((source.rows for source in sources), default=0), *(number or 0 for number in seeds.values()))
    places: dict[str, int] = {}
    for source in sources:
        for index in range(min(last, _MOST_SEARCHED) + _SEARCHED):
            if len(places) == len(seeds):
                return places
            if (identity := seed_id(source.name, source.revision or "", index)) in seeds:
                places[identity] = index
    return places


def _passed(missing: Sequence[str], seeds: Mapping[str, int | None], places: Mapping[str, int]) -> list[str]:
    """Those of a source that is read in its order and had later rows found: they should have been found before."""
    found = sorted((number, place) for seed, place in places.items() if (number := seeds[seed]) is not None)
    in_order = all(one[1] < other[1] for one, other in pairwise(found))
    if not found or not in_order:
        return []
    return [seed for seed in missing if (number := seeds[seed]) is not None and number < found[-1][0]]


def splits(seen: Evidence) -> Iterator[Problem]:
    """Each row stands in the split that the lock's seed and fractions give it."""
    locked, groups = seen.lock.pipeline, seen.rows.groups
    plan = SplitPlan((seeds for _, seeds in groups), locked.splits, locked.seed) if locked.splits else None
    wrong = sum(plan.split_of(seeds) != split for split, seeds in groups) if plan is not None else 0
    if wrong:
        message = f"{many(wrong, 'row')} in another split than by the lock's seed ({locked.seed}) and fractions"
        yield Problem("splits-differ", message, seen.lock_place)
    known = {"train", *locked.splits}
    for file in seen.lock.data:
        if file.split not in known or not Path(file.path).name.startswith(f"{file.split}-"):
            message = f"{file.path} is called the split '{file.split}'"
            yield Problem("splits-differ", message, seen.lock_place)


def pipeline(seen: Evidence) -> Iterator[Problem]:
    """The pipeline beside the rows is the one that was run, and the lock says of it what it says."""
    path, locked = seen.pipeline, seen.lock.pipeline
    if path is None:
        return
    place = Place(str(path))
    if sha256_of(path) != locked.sha256:
        message = "the pipeline is not the one that the lock names: its hash differs"
        yield Problem("pipeline-changed", message, place)
        return
    try:
        value: Any = parse_yaml(path.read_text("utf-8"), str(path)).value
    except (InputError, OSError, ValueError) as error:
        yield Problem("pipeline-unreadable", f"the pipeline cannot be read: {error}", place)
        return
    told = {"name": locked.name, "version": locked.version, "seed": locked.seed, "splits": dict(locked.splits)}
    told |= {"description": locked.description}
    written = {"description": "", "splits": {}, **(value if isinstance(value, dict) else {})}
    for key, said in told.items():
        if written.get(key) != said:
            message = f"the lock says {key} {said!r}, the pipeline {written.get(key)!r}"
            yield Problem("pipeline-differs", message, seen.lock_place)
    yield from _steps(seen, written.get("steps") or [])


def _steps(seen: Evidence, written: list[dict[str, Any]]) -> Iterator[Problem]:
    uses, told = (Counter(str(step.get("use")) for step in written), Counter(step.use for step in seen.lock.steps))
    if differing := sorted({*(uses - told), *(name for name in told - uses if name not in _BY_THEMSELVES)}):
        message = f"the lock names other steps than the pipeline: {', '.join(differing)}"
        yield Problem("pipeline-differs", message, seen.lock_place)
        return
    for step in written:
        licence = (step.get("with") or {}).get("licence")
        identity = step.get("id") or str(step.get("use")).replace(".", "-")
        for source in seen.lock.sources if licence is not None else ():
            stated = licence.get(source.name) if isinstance(licence, dict) else licence
            if source.step == identity and source.licence != stated:
                message = f"the lock says that source {source.name} is under {source.licence}, the pipeline {stated}"
                yield Problem("pipeline-differs", message, seen.lock_place)
