"""Making a finished dataset anew from recorded answers, asking no model, and holding it against what is there."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.cards import croissant
from bezoar_data.cards.render import card_renderer
from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.card import load_card
from bezoar_data.config.files.pipeline import PipelineFile, read_pipeline_file
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.words import many
from bezoar_data.engine.options import Options
from bezoar_data.engine.progress import Progress
from bezoar_data.pipeline.compile import compile_pipeline
from bezoar_data.pipeline.load import load
from bezoar_data.pipeline.trust import code_of_this_machine, refuse_outside
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.ingredients import Ingredients
from bezoar_data.runs.lock import Lock, LockedModel
from bezoar_data.runs.published import dataset_folder
from bezoar_data.steps.distilabel_import import import_distilabel

if TYPE_CHECKING:
    from bezoar_data.llms.gateway.recorded import LookUps

_DEEP = Path("files", *"12345678")
"""Where the pipeline lies in the scratch folder: so deep that `../` in its paths does not lead out."""
_MADE = ("README.md", croissant.FILE, "lock.json", "contamination.jsonl")
"""What a run makes besides the rows."""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How a rebuilt dataset compares with the one that is there. `differences` has a sentence for each file that is not
    the same; `missing` is how many answers were not recorded; `software` made it, and is of another version here."""

    files: tuple[str, ...]
    differences: tuple[str, ...]
    answers: int
    missing: int
    software: tuple[str, ...]

    def problems(self, place: Place) -> list[Problem]:
        """Why it is not the same; none where it is."""
        if not self.differences:
            return []
        hint = f"made with {', '.join(self.software)}: install these versions" if self.software else ""
        found = [
            Problem("rebuilt-differs", f"rebuilt, it is not the same: {one}", place, hint) for one in self.differences
        ]
        if self.missing:
            found.insert(0, Problem("answers-missing", f"not recorded: {many(self.missing, 'answer')}", place))
        return found


def rebuild(run: Path, scratch: Path, *, trust_code: bool = False, lookups: LookUps | None = None) -> Rebuilt:
    """Run the pipeline of a finished or pulled dataset with its recorded answers, into `scratch`, and compare.

    The answers are those published beside it, else those of the run's journal. Nothing is asked, and of the network
    only a source on the Hub needs any. `lookups` takes the keys that were looked up. Raises `InputError` where
    something to make it from is not there.
    """
    import_distilabel()
    from bezoar_data.cards.answers import with_answers
    from bezoar_data.engine.run import run as run_pipeline
    from bezoar_data.llms.gateway.recorded import LookUps

    dataset = dataset_folder(run)
    folder = RunFolder(dataset.parent)
    lock = Lock.read(dataset / "lock.json")
    made_from = Ingredients.published(dataset) or Ingredients.of_run(folder)
    raise_errors(list(_not_there(folder, lock, made_from)))
    if not trust_code and folder.pipeline.is_file():
        refuse_outside(folder.pipeline)
    path = _lay_out(scratch, folder, made_from)
    checked = load(path, models=_models(scratch, lock), recorded=made_from.answers, trust_code=trust_code)
    raise_errors([] if trust_code else list(code_of_this_machine(checked.loaded)))
    compiled = compile_pipeline(checked, made_from.journal or scratch / "journal.sqlite")
    target = RunFolder(scratch / "run")
    _stand_in(folder, dataset, target)
    lookups = lookups or LookUps()
    options = Options(limit=lock.pipeline.limit, lookups=lookups)
    render = card_renderer(checked.card, checked.columns, target.dataset / "README.md")
    run_pipeline(compiled, target, options, render=render, progress=Progress(quiet=True))
    theirs, ours = _files(dataset), _files(target.dataset)
    if told := load_card(dataset / "README.md").bezoar.get("answers"):
        new = Lock.read(target.dataset / "lock.json")
        ours["README.md"] = with_answers(ours["README.md"].decode(), new, told).encode()
    return Rebuilt(
        tuple(theirs),
        tuple(_differences(theirs, ours, dataset, target.dataset)),
        len(lookups.asked) - len(lookups.missing),
        len(lookups.missing),
        tuple(_other_software(lock, target.dataset)),
    )


def _not_there(folder: RunFolder, lock: Lock, made_from: Ingredients) -> Iterator[Problem]:
    place = Place(str(folder.path))
    needed = [*made_from.inputs.values(), *made_from.answers, *([made_from.journal] if made_from.journal else [])]
    for path in needed:
        if not path.exists():
            yield Problem("missing-file", f"it was made from {path}, which is not there", place)
    if not folder.pipeline.exists():
        yield Problem("missing-file", f"there is no {folder.pipeline.name} beside the dataset", place)
    elif hashlib.sha256(folder.pipeline.read_bytes()).hexdigest() != lock.pipeline.sha256:
        yield Problem(
            "pipeline-differs", "the pipeline is not the one that the lock names", Place(str(folder.pipeline))
        )
    people = lock.review is not None and not folder.review.exists()
    measured = lock.judging.people.agreement or lock.judging.people.calibration
    if people or (measured and lock.review is None and not folder.reliability.exists()):
        message = "people's reviews of its rows are not published: it can be rebuilt only where it was made"
        yield Problem("review-not-there", message, place)


def _lay_out(scratch: Path, folder: RunFolder, made_from: Ingredients) -> Path:
    """The pipeline with the files it names, each where it looks for it. Raises `InputError` for a path that would lead
    out of the scratch folder."""
    here = scratch / _DEEP
    here.mkdir(parents=True)
    path = here / "pipeline.yaml"
    shutil.copyfile(folder.pipeline, path)
    file: PipelineFile | None = read_pipeline_file(path).file
    for name, source in made_from.inputs.items():
        _place(here, name, scratch).symlink_to(source.absolute())
    if file is not None and file.card is not None and made_from.card is not None:
        shutil.copyfile(made_from.card, _place(here, file.card, scratch))
    for name in file.answers if file is not None else ():
        _place(here, name, scratch).touch()  # what was taken from it is among the answers
    return path


def _place(here: Path, name: str, scratch: Path) -> Path:
    target = Path(os.path.normpath(here / name))
    if not target.is_relative_to(scratch) or target.exists():
        raise InputError(Problem("path-outside", f"the pipeline reads a file outside of its folders: {name}"))
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _stand_in(folder: RunFolder, dataset: Path, target: RunFolder) -> None:
    """What a run finds in its folder: the card, in which people may have written, and what they said of rows."""
    target.dataset.mkdir(parents=True)
    for name in ("README.md", "lock.json"):
        shutil.copyfile(dataset / name, target.dataset / name)
    for mine, its in ((folder.review, target.review), (folder.reliability, target.reliability)):
        if mine.exists():
            shutil.copyfile(mine, its)


def _models(scratch: Path, lock: Lock) -> Path | None:
    """A models file with the models that answered."""
    if not lock.models:
        return None
    roles: dict[str, dict[str, Any]] = {}
    for model in lock.models:
        if model.fallback:
            roles[model.role].setdefault("fallbacks", []).append(_model(model))
        else:
            roles[model.role] = _model(model)
    path = scratch / "models.yaml"
    path.write_text(json.dumps({"version": 1, "roles": roles}), "utf-8")
    return path


def _model(model: LockedModel) -> dict[str, Any]:
    found = {
        "provider": model.provider,
        "model": model.model,
        "revision": model.revision,
        "thinking": model.thinking,
        "sampling": dict(model.sampling),
        "extra_body": dict(model.extra_body),
        "output_licence": model.output_licence.model_dump(mode="json"),
        "carbon": model.carbon.model_dump(mode="json") if model.carbon else None,
        "demo": model.demo,
    }
    return {key: value for key, value in found.items() if value is not None}


def _files(dataset: Path) -> dict[str, bytes]:
    names = (path.relative_to(dataset) for path in sorted(dataset.rglob("*")) if path.is_file())
    return {str(n): (dataset / n).read_bytes() for n in names if n.parts[0] == "data" or n.name in _MADE}


def _differences(theirs: Mapping[str, bytes], ours: Mapping[str, bytes], old: Path, new: Path) -> Iterator[str]:
    for name in sorted({*theirs, *ours}):
        if name not in ours:
            yield f"{name} was not made"
        elif name not in theirs:
            yield f"{name} was made, and is not there"
        elif theirs[name] != ours[name]:
            yield f"{name}{_where(name, old, new)}"


def _where(name: str, old: Path, new: Path) -> str:
    """In what a file differs, as far as that is told in a few words."""
    if name == "lock.json":
        there, here = (json.loads((folder / name).read_text("utf-8")) for folder in (old, new))
        return f": {', '.join(key for key in there if there[key] != here.get(key))}"
    if name.endswith(".parquet"):
        import pyarrow.parquet as pq

        before, after = (
            dict(zip(*(table.column(c).to_pylist() for c in ("id", "content_hash")), strict=True))
            for table in (pq.read_table(folder / name, columns=["id", "content_hash"]) for folder in (old, new))
        )
        changed = [i for i in {**before, **after} if before.get(i) != after.get(i)]
        return f": {len(changed):,} of {len(before):,} rows differ" if changed else ": the rows are the same"
    return ""


def _other_software(lock: Lock, new: Path) -> Iterator[str]:
    here = Lock.read(new / "lock.json").software
    for name, version in lock.software.items():
        if version != here.get(name):
            yield f"{name} {version} (here: {here.get(name)})"
