"""A pipeline file by itself, without the models, card and steps that it names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.pipeline import LoadedPipeline, read_pipeline_file


def load_pipeline_file(path: Path | str, overrides: Sequence[str] = ()) -> LoadedPipeline:
    """What `pipeline.load` reads of a file. Raises `InputError` with every mistake."""
    read = read_pipeline_file(path, overrides)
    if read.file is None or read.problems or not read.steps_sound:
        raise InputError(read.problems)
    return LoadedPipeline(read.file, read.document, Path(path), read.overridden)
