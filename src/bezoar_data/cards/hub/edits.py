"""A card that somebody edited on the Hub: found before a new build takes its place, and taken in if that is wanted.

What the last build left there is known by its commit, which is called after it. People's words are merged as they are
when a run renders a card anew: by piece, and by key. Sections are a run's: what was written into one of them is not
taken.
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from bezoar_data.cards import croissant
from bezoar_data.cards.claims.evidence import Evidence
from bezoar_data.cards.front_matter import GENERATED, PERSONS
from bezoar_data.cards.hub.client import RepoType, hub, hub_errors, patiently
from bezoar_data.cards.hub.upload import BUILD, RepoContents
from bezoar_data.cards.licences.hub_keys import KEYS
from bezoar_data.cards.merge import Body, join_body, split_body
from bezoar_data.cards.sections.context import CardContext
from bezoar_data.cards.sections.registry import SECTIONS
from bezoar_data.cards.truth import expected_front, persons_keys, true_licence
from bezoar_data.config.errors import PolicyRefused
from bezoar_data.config.files.card import Card, load_card, parse_card
from bezoar_data.config.files.card_text import front_text
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.runs.folder import RunFolder, replace_folder, write_text
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.signed import SIGNED

if TYPE_CHECKING:
    from huggingface_hub import HfApi

CARD = "README.md"
_SHOWN = 40
"""So many lines of a difference are told."""


@dataclass(frozen=True, slots=True)
class HubEdit:
    """A card on the Hub that is not the one that the last build left there. `before` is None where no build did."""

    repo: str
    before: str | None
    there: str

    def problems(self) -> Iterator[Problem]:
        """The difference, line by line."""
        changed = list(self._changed())
        since = "since the last build" if self.before is not None else "by somebody else"
        message = f"the card was edited on the Hub {since}, in {len(changed)} line{'s' if len(changed) > 1 else ''}"
        hint = "take the words into the card here with --hub-edits take, or let the card here replace them: discard"
        yield Problem("hub-edited", message, Place(self.repo), hint)
        for number, sign, line in changed[:_SHOWN]:
            yield Problem("hub-edit", f"{sign} {printable(line, 300)}", Place(f"{self.repo}/{CARD}", number))
        if len(changed) > _SHOWN:
            yield Problem("hub-edit", f"and {len(changed) - _SHOWN} more lines", Place(f"{self.repo}/{CARD}"))

    def _changed(self) -> Iterator[tuple[int, str, str]]:
        old, new = (self.before or "").splitlines(), self.there.splitlines()
        for kind, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if kind != "equal":
                yield from ((c + 1, "-", line) for line in old[a:b])
                yield from ((c + i, "+", line) for i, line in enumerate(new[c:d], 1))


def hub_edit(contents: RepoContents, repo: str) -> HubEdit | None:
    """What somebody wrote into the card there; None: nothing, or what stands in the card here. Raises `InputError`,
    `ProviderAway`."""
    from huggingface_hub.errors import RepositoryNotFoundError

    kind = contents.kind
    with hub_errors(repo):
        api = hub()
        try:
            commits = api.list_repo_commits(repo, repo_type=kind)
        except RepositoryNotFoundError as error:
            if error.response is not None and error.response.status_code == 401:
                raise
            return None
        last = next((commit for commit in commits if BUILD.fullmatch(commit.title)), None)
        if not commits or commits[0] is last:
            return None
        there = _card(api, repo, kind, commits[0].commit_id)
        before = _card(api, repo, kind, last.commit_id) if last is not None else None
    given = contents.files[CARD]
    here = given.decode() if isinstance(given, bytes) else given.read_text("utf-8")
    return None if there is None or there in (before, here) else HubEdit(repo, before, there)


def _card(api: HfApi, repo: str, kind: RepoType, commit: str) -> str | None:
    from huggingface_hub.errors import EntryNotFoundError

    with TemporaryDirectory(prefix="bezoar-card-") as scratch:
        try:
            file = patiently(
                lambda: api.hf_hub_download(repo, CARD, repo_type=kind, revision=commit, local_dir=scratch)
            )
        except EntryNotFoundError:
            return None
        return Path(file).read_text("utf-8", "replace")


def take_in(edit: HubEdit, dataset: Path, *, write: bool) -> dict[str, bytes]:
    """Card and Croissant of a run's dataset with what was written on the Hub; they are put in place if `write`.

    Raises `PolicyRefused` where both cards were edited in one place, and `InputError` for a card there that cannot be
    read."""
    here = load_card(dataset / CARD)
    there = parse_card(edit.there, f"{edit.repo}/{CARD}")
    before = parse_card(edit.before, f"{edit.repo}/{CARD}") if edit.before is not None else here
    card = _merged(here, before, there)
    made = _anew(card, dataset)
    if write:
        folder = RunFolder(dataset.parent)
        with folder.locked() as scratch:
            shutil.copytree(dataset, scratch / "dataset", ignore=lambda *_: SIGNED)  # it is of the card as it was
            for name, content in made.items():
                write_text(scratch / "dataset" / name, content.decode())
            replace_folder(scratch / "dataset", dataset)
    return made


def _merged(here: Card, before: Card, there: Card) -> Card:
    """What of theirs is new, in the card that is here."""
    ours, base, theirs = (split_body(card.body) for card in (here, before, there))
    conflicts: list[Problem] = []

    def three(name: str, what: str, mine: Any, old: Any, new: Any) -> Any:
        if old in (mine, new) or mine == new:
            return mine if new == old else new
        message = f"{what} '{name}' was edited both here and on the Hub"
        hint = "bring both together in the card here, then publish with --hub-edits discard"
        conflicts.append(Problem("hub-conflict", message, Place(there.file), hint))
        return mine

    prose = {
        slot: three(slot, "the text after the section", piece, base.prose.get(slot, ""), theirs.prose.get(slot, piece))
        for slot, piece in ours.prose.items()
    }
    fronts = [_persons(card) for card in (here, before, there)]
    keys = list(dict.fromkeys(key for front in fronts for key in front))
    front = {key: three(key, "the key", *(one.get(key) for one in fronts)) for key in keys}
    bezoar = {key: three(f"bezoar: {key}", "the key", *(card.bezoar.get(key) for card in (here, before, there)))
              for key in PERSONS}  # fmt: skip
    if conflicts:
        raise PolicyRefused(conflicts)
    body = replace(ours, prose=prose)
    kept = {**here.bezoar, **bezoar}
    if any(front.get(key) != fronts[0].get(key) for key in KEYS):
        kept["licence"] = {**(here.bezoar.get("licence") or {}), "stated": True}  # a person's word from now on
    return _card_of({**_set(front), "bezoar": _set(kept)}, body, here.file)


def _persons(card: Card) -> dict[str, Any]:
    return {key: value for key, value in card.front.items() if key not in GENERATED}


def _set(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in keys.items() if value is not None}


def _card_of(front: Mapping[str, Any], body: Body, file: str) -> Card:
    return parse_card(front_text(front) + "\n" + join_body(body, body.front_record), file)


def _anew(card: Card, dataset: Path) -> dict[str, bytes]:
    """Card and Croissant with every section and key that follows from the lock."""
    lock = Lock.read(dataset / "lock.json")
    first = Evidence(dataset, lock, card).rows.first
    front = expected_front(card, lock)
    context = CardContext.of(lock, first[1] if first else None, card, persons_keys(card))
    body = split_body(card.body)
    sections = {name: section.make(context).strip() for name, section in SECTIONS.items() if name in body.sections}
    made = _card_of(front, replace(body, sections=sections), card.file)
    return {
        CARD: made.text.encode(),
        croissant.FILE: croissant.croissant_text(lock, front, true_licence(card, lock)).encode(),
    }
