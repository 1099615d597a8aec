"""The answers beside a published dataset: put together, told on the card, and looked through for personal data."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from bezoar_data.cards.sections.context import CardContext
from bezoar_data.cards.sections.registry import SECTIONS
from bezoar_data.config.files.card import parse_card
from bezoar_data.llms.journal import Journal
from bezoar_data.llms.journal.recorded import RecordedAnswers
from bezoar_data.llms.journal.shared import write_shared
from bezoar_data.measures.personal import OF_PEOPLE, find_personal
from bezoar_data.runs.folder import write_json
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.ingredients import ANSWERS, CARD, FOLDER, MANIFEST, AnswersManifest, Ingredients
from bezoar_data.runs.lock import Lock
from bezoar_data.steps.sources.readers import BadRows, extension, read_records


def write_answers(to: Path, lock: Lock, made_from: Ingredients, keys: Collection[str]) -> dict[str, Any]:
    """Write `answers/` into the folder `to`: the answers of these keys, the files that steps read, the card's template,
    and the list of all with their hashes. Gives what the card tells of it."""
    assert made_from.journal is not None  # noqa: S101
    (to / FOLDER / "inputs").mkdir(parents=True)
    with Journal.open(made_from.journal, create=False, answers=made_from.answers) as journal:
        thinking = [(model.provider, model.model) for model in lock.models if model.thinking == "keep"]
        entries = write_shared(journal, keys, to / ANSWERS, thinking)
    inputs = {}
    for number, (name, path) in enumerate(sorted(made_from.inputs.items())):
        inputs[name] = f"{FOLDER}/inputs/{number}-{re.sub(r'[^A-Za-z0-9._-]', '_', path.name)}"
        shutil.copyfile(path, to / inputs[name])
    if made_from.card is not None:
        shutil.copyfile(made_from.card, to / CARD)
    files = {str(p.relative_to(to)): sha256_of(p) for p in sorted((to / FOLDER).rglob("*")) if p.is_file()}
    manifest = AnswersManifest(lock=lock.hash, entries=entries, files=files, inputs=inputs)
    write_json(to / MANIFEST, manifest.as_json())
    return {"entries": entries, "sha256": sha256_of(to / MANIFEST)}


def with_answers(readme: str, lock: Lock, told: Mapping[str, Any]) -> str:
    """The card that says that answers stand beside the rows. All else stays as it is."""
    front, bezoar, rest = readme.partition("\nbezoar:\n")
    line = f"  answers: {{entries: {told['entries']}, sha256: {told['sha256']}}}\n"
    said = f"{front}{bezoar}{line}{rest}"
    before, after = (
        SECTIONS["making"].make(CardContext.of(lock, None, parse_card(text, "README.md"))).strip()
        for text in (readme, said)
    )
    return said.replace(before, after, 1)


def personal_data(folder: Path) -> Counter[str]:
    """In how many answers, and rows of input files, each kind of personal data was found."""
    found: Counter[str] = Counter()
    for texts in _texts(folder):
        found.update({one.kind for text in texts for one in find_personal(text, OF_PEOPLE)})
    return found


def _texts(folder: Path) -> Iterator[list[str]]:
    with closing(RecordedAnswers([folder / ANSWERS])) as recorded:
        for entry in recorded:
            yield [entry.text or "", *(message["content"] for message in entry.messages or ())]
    for file in sorted((folder / FOLDER / "inputs").iterdir()):
        if extension(file):
            for record in read_records(file, BadRows()):
                yield [str(value) for value in record.values.values()]
        else:
            yield [file.read_text("utf-8", "replace")]
