"""Datasets on the Hugging Face Hub as a source of rows: what they are, and their rows as a stream.

A branch or tag is resolved to its commit first: rows are identified by the commit, so that a run names the data it
really read.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from datasets import load_dataset
from huggingface_hub import HfApi

from bezoar_data.config.errors import InputError, ProviderAway
from bezoar_data.config.files.licence_names import licence_on_the_hub
from bezoar_data.config.network import is_unreached
from bezoar_data.config.problems import Place, Problem
from bezoar_data.steps.base import SourceFacts
from bezoar_data.steps.sources.formats import FileRow


def hub_facts(dataset: str, revision: str | None, licence: str | None) -> SourceFacts:
    """The dataset's commit, address and licence (as given, else as its card says). Raises `InputError`, and
    `ProviderAway` where the Hub cannot be reached."""
    commit, stated = _resolve(dataset, revision)
    return SourceFacts(
        name=dataset,
        revision=commit,
        url=f"https://huggingface.co/datasets/{dataset}",
        licence=licence or stated,
    )


@lru_cache(maxsize=16)
def _resolve(dataset: str, revision: str | None) -> tuple[str, str | None]:
    try:
        info = HfApi().dataset_info(dataset, revision=revision)
    except Exception as error:
        raise _wrong(dataset, error) from None
    card = info.card_data or {}
    return str(info.sha), licence_on_the_hub(card.get("license"), card.get("license_name"))


def hub_records(
    dataset: str, revision: str, config: str | None, split: str, data_dir: str | None = None
) -> Iterator[FileRow]:
    """The rows of one split, streamed, as `datasets` gives them: with dates, decimals, bytes and images. Raises
    `InputError` for a wrong name, configuration, split or folder, `ProviderAway` where the Hub cannot be reached."""
    try:
        stream: Any = load_dataset(dataset, config, data_dir=data_dir, split=split, revision=revision, streaming=True)
        for index, values in enumerate(stream):
            yield FileRow(index, None, dict(values))
    except Exception as error:
        raise _wrong(dataset, error) from None


_KNOWN_FAULTS = {
    "RepositoryNotFoundError": "there is no such dataset, or it is private",
    "RevisionNotFoundError": "it has no such revision",
    "GatedRepoError": "its owner has to grant access first",
}


def _wrong(dataset: str, error: Exception) -> InputError | ProviderAway:
    # These libraries raise many kinds, with messages that span screens; what people need is in the first line.
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    if is_unreached(error):
        said = first.rstrip(".")
        here = "Local files need no network: give `path` in the place of `hub`"
        return ProviderAway(f"{dataset}: the Hub cannot be reached: {said}. Run the same command again later. {here}")
    said = _KNOWN_FAULTS.get(type(error).__name__, first)
    hint = "check the name, `revision`, `config` and `split`; a private dataset needs HF_TOKEN"
    return InputError(Problem("hub-dataset", f"cannot read this Hub dataset: {said}", Place(dataset), hint))
