"""What a recipe's training starts from: where its base comes from, what decides its weights, and one that is kept here.

Most bases are loaded where they lie. Three kinds are kept beside the stages as a folder like any other: one of random
weights, a GGUF (dequantised), and weights that are there as pickled `.bin` files alone (converted).
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError, raise_errors
from bezoar_data.config.files.recipe import Base, LoadedRecipe
from bezoar_data.config.problems import Problem
from bezoar_data.llms.weights import fetched, sha256_if_known, weights_named
from bezoar_data.runs.folder import write_json
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.row import digest
from bezoar_data.training.folder import TrainingFolder
from bezoar_data.training.models import Start, load_weights
from bezoar_data.training.random_base import save_random_base

_KEY = "base.json"
_SAFE, _PICKLED = ".safetensors", ".bin"
_NOT_WEIGHTS = ("transformers_version", "torch_dtype", "dtype", "architectures", "use_cache")
"""Keys of a configuration that say nothing of what is computed."""


def is_folder(model: str) -> bool:
    """Whether a base is named as a folder or file here, not by its id on the Hub."""
    return model.startswith(("./", "../", "/"))


def source(recipe: LoadedRecipe) -> Start:
    """Where a base comes from that the recipe does not make. A GGUF is fetched. Raises `InputError`."""
    base: Base = recipe.file.base
    if base.gguf is not None:
        file = _gguf(recipe, base.gguf)
        return Start(str(file.parent), gguf=file.name)
    assert base.model is not None  # noqa: S101 (a recipe is checked)
    trust = base.trust_remote_code
    if is_folder(base.model):
        return Start(str(recipe.resolve(base.model)), trust_remote_code=trust, pickled=base.convert)
    revision = commit_of(base.model, base.revision) or base.revision
    return Start(base.model, None, revision, trust, pickled=base.convert)


def base_start(recipe: LoadedRecipe, kept: Path) -> Start:
    """What a first stage starts from. `kept` is where a base lies that is kept here."""
    return Start(str(kept)) if recipe.file.base.kept_here else source(recipe)


def _gguf(recipe: LoadedRecipe, name: str) -> Path:
    place = recipe.document.place(("base", "gguf"))
    try:
        return fetched(recipe.resolve(name) if is_folder(name) else weights_named(name))
    except InputError as error:
        raise InputError(Problem(p.code, p.message, place, p.hint) for p in error.problems) from error


@lru_cache
def commit_of(model: str, revision: str | None) -> str | None:
    """The commit that a revision on the Hub stands for now; None where nothing tells it."""
    from transformers.utils import cached_file

    try:
        found = cached_file(model, "config.json", revision=revision or "main")
    except (OSError, ValueError):
        return None
    parts = Path(found).parts if found is not None else ()
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts else None


def check_base(recipe: LoadedRecipe) -> None:
    """Raise `InputError` where the base has no weights that are read: safetensors, or `.bin` where the recipe asks for
    them to be converted."""
    base = recipe.file.base
    names = _files(base.model, source(recipe)) if base.model is not None else None
    if names is None:
        return
    safe, pickled = (any(name.endswith(kind) for name in names) for kind in (_SAFE, _PICKLED))
    if base.convert and not pickled:
        place = recipe.document.place(("base", "convert"), key=True)
        raise_errors([Problem("no-base", "there are no '.bin' weights to convert", place, "leave it out")])
    if not base.convert and not safe:
        place = recipe.document.place(("base", "model"))
        if pickled:
            message = "the weights of the base are there as pickled '.bin' files alone, which can run code when loaded"
            hint = "say 'convert: true' under 'base': they are read without that, and kept as safetensors"
        else:
            message, hint = "the base has no weights as safetensors", "take a base that has them"
        raise InputError(Problem("no-base", message, place, hint))


def _files(model: str, start: Start) -> list[str] | None:
    """The names of a base's files; None where the Hub does not tell them."""
    from huggingface_hub import HfApi

    if is_folder(model):
        return [path.name for path in Path(start.weights).iterdir()]
    try:
        found = HfApi().model_info(model, revision=start.revision, timeout=20).siblings
    except Exception:  # of the Hub's client and of the HTTP library under it, which it changes
        return None
    return [one.rfilename for one in found or ()] or None


def base_key(recipe: LoadedRecipe, tokenizer: Any) -> str:
    """What decides the weights of a base: its commit on the Hub, else its configuration and tensors."""
    base = recipe.file.base
    if base.make is not None:
        vocabulary = tokenizer.backend_tokenizer.to_str()
        return digest("made", base.make.model_dump(), recipe.file.seed, vocabulary)
    start = source(recipe)
    if start.gguf is not None:
        return digest("gguf", sha256_if_known(Path(start.weights) / start.gguf))
    if not is_folder(str(base.model)):
        return digest("hub", start.weights, start.revision)
    folder = Path(start.weights)
    if base.convert:
        return digest("pickled", _config(folder), [_file(path) for path in sorted(folder.glob(f"*{_PICKLED}"))])
    tensors = sorted(entry for path in folder.glob(f"*{_SAFE}") for entry in _tensors(path))
    return digest("folder", _config(folder), tensors)


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {key: value for key, value in config.items() if key not in _NOT_WEIGHTS and not key.startswith("_")}


def _file(path: Path) -> str:
    return _hashed(path.resolve(), path.stat().st_size, path.stat().st_mtime_ns)[0][1]


def _tensors(path: Path) -> tuple[tuple[str, str], ...]:
    return _hashed(path.resolve(), path.stat().st_size, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _hashed(path: Path, _size: int, _changed: int) -> tuple[tuple[str, str], ...]:
    """Of each tensor of a file its name, and a hash of type, shape and numbers; of another file the file's own."""
    if path.suffix != _SAFE:
        return ((path.name, sha256_of(path)),)
    return tuple(_hash_tensors(path))


def _hash_tensors(path: Path) -> Iterator[tuple[str, str]]:
    # Read from the file's header, not with the library: it would copy each tensor, in a framework's type.
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = 8 + int.from_bytes(content[:8], "little")
        for name, tensor in json.loads(content[8:start]).items():
            if name != "__metadata__":
                first, last = (start + offset for offset in tensor["data_offsets"])
                seen = hashlib.sha256(f"{tensor['dtype']} {tensor['shape']} ".encode())
                with memoryview(content) as view, view[first:last] as numbers:
                    seen.update(numbers)
                yield name, seen.hexdigest()


def base_stands(folder: TrainingFolder, key: str) -> bool:
    """Whether a base that is kept here is there already."""
    known = folder.base / _KEY
    return known.is_file() and key in known.read_text("utf-8")


def keep_base(recipe: LoadedRecipe, folder: TrainingFolder, key: str, tokenizer: Any) -> None:
    """Leave a base that is kept here in `folder.base`."""
    base, result = recipe.file.base, folder.open_work(folder.base.name, key) / "result"
    if base.make is not None:
        save_random_base(result, base.make, tokenizer, recipe.file.seed)
    else:
        model = load_weights(source(recipe), recipe.document.place(("base",), key=True))
        model.save_pretrained(result)
        tokenizer.save_pretrained(result)
    write_json(result / _KEY, {"key": key})
    folder.finish(folder.base.name)


def making(base: Base) -> str:
    """What `keep_base` does, for people."""
    if base.make is not None:
        return "making a model with random weights, and its tokenizer from the rows"
    return f"{'dequantising' if base.gguf is not None else 'converting'} {base.name}"


def describe_base(recipe: LoadedRecipe) -> dict[str, Any]:
    """What the recipe says of the base, and which weights they were: the commit on the Hub, or the SHA-256 of a GGUF. A
    folder is given by its name alone: its path on this machine is private."""
    base = recipe.file.base
    value: dict[str, Any] = base.model_dump(mode="json", exclude_none=True)
    if not base.convert:
        del value["convert"]
    if base.gguf is not None:
        start = source(recipe)
        value["sha256"] = sha256_if_known(Path(start.weights) / str(start.gguf))
    if base.name is not None and is_folder(base.name):
        value |= {"model" if base.model else "gguf": recipe.resolve(base.name).name, "folder": True}
    elif base.model is not None and (commit := commit_of(base.model, base.revision)) is not None:
        value["commit"] = commit
    return value
