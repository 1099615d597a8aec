"""`card check`: every claim of a dataset's card held against its rows and its lock.

The lock is held against the rows and what lies beside them, the card and the Croissant against what the lock gives when
they are made anew: `claims.table` lists it, claim by claim. Whoever changes one of them by hand is found out; who makes
all of them anew, consistently, has made another dataset, which has another hash for a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bezoar_data._version import __version__
from bezoar_data.cards.claims.evidence import Evidence
from bezoar_data.cards.claims.table import CLAIMS
from bezoar_data.cards.signing.signature import Signature, check_signature
from bezoar_data.cards.signing.signers import Signers
from bezoar_data.config.files.card import load_card
from bezoar_data.config.problems import Problem
from bezoar_data.runs.lock import Lock

_OF_WORDS = ("section-differs", "croissant-differs")
"""What may differ in wording alone, where another version of this program rendered the card."""


@dataclass(frozen=True, slots=True)
class CheckedCard:
    """What is not so, and what was at hand to hold the card against."""

    problems: tuple[Problem, ...]
    proved: tuple[str, ...]
    absent: tuple[str, ...]
    """Files that were not at hand: what only they refute was not checked."""
    signature: Signature | None = None
    """Where there is one, and it holds."""

    def __str__(self) -> str:
        missing = f"; missing, so not checked against: {', '.join(self.absent)}" if self.absent else ""
        proved = f"proved: {', '.join(self.proved)}{missing}. Not checked: prose outside of the sections, which is "
        if self.signature is not None and self.signature.who is not None:
            return f"{proved}the word of who signed it. It is {self.signature}"
        said = f"It is {self.signature}" if self.signature else "a signature does"
        between = ". " if self.signature else ": "
        made = "and nothing here shows whether someone else rebuilt lock, rows and card together"
        return f"{proved}a person's word; {made}{between}{said}"


def check_dataset(folder: Path) -> list[Problem]:
    """Everything on the card of the dataset in `folder` that is not so. Raises `InputError` where there is none."""
    return list(_held_against(folder).problems)


def checked(folder: Path, signers: Signers | None = None) -> CheckedCard:
    """The same, with what was proved; and its signature, which must be there and of theirs where it is said who may
    have signed it. Raises `InputError`."""
    found, signed = _held_against(folder), check_signature(folder, signers)
    return replace(found, problems=(*found.problems, *signed.problems), signature=signed.signature)


def _held_against(folder: Path) -> CheckedCard:
    lock = Lock.read(folder / "lock.json")
    seen = Evidence(folder, lock, load_card(folder / "README.md"))
    problems = [problem for claim in CLAIMS for problem in claim.check(seen)]
    at_hand = {
        "pipeline.yaml": seen.pipeline, "dropped.parquet": seen.dropped, "review.parquet": seen.answers,
        "journal": seen.journal,
    }  # fmt: skip
    wanted = {claim.needs for claim in CLAIMS} - ({"review.parquet"} if lock.review is None else set())
    absent = tuple(name for name, found in at_hand.items() if name in wanted and found is None)
    return CheckedCard((*seen.problems, *_of_version(problems, lock)), _PROVED, absent)


_PROVED = (
    "files", "rows and where they came from", "counts, steps and drops", "sources, models and cost",
    "verdicts, review and agreement", "contamination", "splits", "licence", "front matter, sections, Croissant",
)  # fmt: skip


def _of_version(problems: list[Problem], lock: Lock) -> Iterator[Problem]:
    rendered_by = lock.software.get("bezoar-data")
    hint = f"bezoar-data {rendered_by} rendered this card, and this is {__version__}: check it with that version"
    for problem in problems:
        other = rendered_by != __version__ and problem.code in _OF_WORDS
        yield replace(problem, hint=problem.hint or hint) if other else problem
