"""What forbids to publish a dataset: demo rows, an unknown licence, a card that is not true, personal data, keys, files
that do not belong, a review that the pipeline asks for and nobody has done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from pathlib import Path

from bezoar_data.cards.check import check_dataset
from bezoar_data.cards.claims.data import STRANGERS, belonging
from bezoar_data.cards.hub.publish import files_of
from bezoar_data.cards.hub.refusal import refusal
from bezoar_data.cards.hub.secrets import CONCERN, KeySearch
from bezoar_data.cards.licences.lineage import UNKNOWN
from bezoar_data.cards.truth import truth_of
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import load_card
from bezoar_data.config.problems import Place, Problem
from bezoar_data.measures.personal import OF_PEOPLE, find_personal
from bezoar_data.runs.gate import unmet
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.parquet import rows_of
from bezoar_data.runs.published import pipeline_of
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED
from bezoar_data.runs.values import texts_in


def refusals(dataset: Path, allowed: Collection[str] = ()) -> list[Problem]:
    """Why the dataset may not be published, one problem for each concern that is not allowed; empty: it may.

    Concerns are `demo`, `unknown-licence`, `failed-checks`, `personal-data`, `keys` and `review`. Files that do not
    belong to it, and the values of keys of this machine, cannot be allowed. Raises `InputError` where there is no
    dataset.
    """
    problems = [*_strangers(dataset), *([] if "failed-checks" in allowed else _failed_checks(dataset))]
    own = truth_of(dataset).own  # never the README's own word, also where failed checks are let through
    place = Place(str(dataset / "README.md"))
    if own.get("demo") and "demo" not in allowed:
        problems.append(
            refusal("demo", "these rows were made of demo seeds or by demo models, to show the flow", place)
        )
    licence = own.get("licence") or {}
    if "unknown-licence" not in allowed and (licence.get("result") in (None, UNKNOWN) or licence.get("conflicts")):
        said = "its licence is unknown" if not licence.get("conflicts") else "its licences are in conflict"
        problems.append(refusal("unknown-licence", f"{said}; see the card's section 'Licence'", place))
    problems += KeySearch().problems(files_of(dataset), allowed=CONCERN in allowed)
    if "personal-data" not in allowed and (found := _personal_data(dataset)):
        kinds = ", ".join(f"{kind} in {rows} row{'s' if rows > 1 else ''}" for kind, rows in sorted(found.items()))
        problems.append(refusal("personal-data", f"there may be personal data: {kinds}", Place(str(dataset / "data"))))
    if "review" not in allowed:
        problems += [refusal("review", message, place) for message in unmet(Lock.read(dataset / "lock.json"))]
    return problems


def _strangers(dataset: Path) -> list[Problem]:
    """Files that are nobody's to send, whatever is allowed: not named by the lock, links, another pipeline."""
    lock, card = Lock.read(dataset / "lock.json"), load_card(dataset / "README.md")
    found = list(belonging(dataset, lock, card.bezoar))
    pipeline = pipeline_of(dataset)
    if pipeline is None:
        found.append(Problem("pipeline-missing", "there is no pipeline.yaml beside the dataset", Place(str(dataset))))
    elif pipeline.is_symlink():
        found.append(Problem(STRANGERS[0], "a link: what it leads to is not part of the dataset", Place(str(pipeline))))
    elif sha256_of(pipeline) != lock.pipeline.sha256:
        message = "the pipeline is not the one that the lock names: its hash differs"
        found.append(Problem("pipeline-changed", message, Place(str(pipeline))))
    if not found:
        return []
    message = "only what belongs to the dataset is published, and all of that"
    return [Problem("refused-files", message, Place(str(dataset))), *found]


def _failed_checks(dataset: Path) -> list[Problem]:
    found = [one for one in check_dataset(dataset) if one.level == "error" and one.code not in STRANGERS]
    if not found:
        return []
    message = f"the card claims what is not so, in {len(found)} place{'s' if len(found) > 1 else ''}"
    return [refusal("failed-checks", message, Place(str(dataset))), *found]


def _personal_data(dataset: Path) -> Counter[str]:
    """In how many rows each kind was found, in any text of the published rows."""
    rows: Counter[str] = Counter()
    for file in sorted((dataset / "data").glob("*.parquet")):
        try:
            for row in rows_of(file):
                texts = [t for k, v in row.items() if k not in LINEAGE_COLUMNS and k != RESERVED for t in texts_in(v)]
                rows.update({found.kind for text in texts for found in find_personal(text, OF_PEOPLE)})
        except InputError:
            continue  # the search for keys says that it cannot be read
    return rows
