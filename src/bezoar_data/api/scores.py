"""What models scored: as a page, and of a stage on its card and beside it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bezoar_data.cards.hub.client import hub
from bezoar_data.cards.hub.upload import RepoContents
from bezoar_data.cards.model_card.publish import with_scores
from bezoar_data.config.errors import PolicyRefused
from bezoar_data.config.problems import Place, Problem
from bezoar_data.evaluation.chain import Chain, read_point
from bezoar_data.evaluation.of_stage import scores_of
from bezoar_data.evaluation.people import people_of
from bezoar_data.evaluation.record import EVALUATION
from bezoar_data.llms.redact import redact
from bezoar_data.reports.scores.card import card_section, result_files
from bezoar_data.reports.scores.hub import model_index, result_entries
from bezoar_data.reports.scores.page import scores_page as made_page
from bezoar_data.reports.scores.picture import draw
from bezoar_data.runs.stage_record import StageRecord


def scores_page(folders: Iterable[Path]) -> str:
    """A page of the evaluations in these folders, all on one suite; the others are compared with the first. Raises
    `InputError`."""
    return made_page(Chain(tuple(read_point(folder) for folder in folders)))


def scored(
    contents: RepoContents, stage: StageRecord, folders: Iterable[Path], repo: str
) -> tuple[RepoContents, tuple[Problem, ...]]:
    """What is published of a stage, with the evaluations of it that lie in `folders`; and what was left out, and why.

    Raises `InputError` for an evaluation that is named and is not the stage's, `PolicyRefused` for one with a key in
    its text.
    """
    folders = tuple(folders)
    found, people = scores_of(stage, folders), tuple(people_of([stage.key], folders))
    if not found.chains and not people:
        return contents, found.refused
    files: dict[str, Path | bytes] = {}
    for chain in found.chains:
        record = chain.last.folder / EVALUATION
        if redact(text := record.read_text("utf-8")) != text:
            message = "there is what looks like a key in it"
            raise PolicyRefused(Problem("refused-secret", message, Place(str(record)), "take it out"))
        file, picture = result_files(chain)
        files |= {file: record, picture: draw(chain, "png")}
    source = f"{hub().endpoint}/{repo}/tree/main/evaluation"
    files |= result_entries(found.chains, source)
    index = model_index(repo.rpartition("/")[2], found.chains) if found.chains else []
    return with_scores(contents, card_section(found.chains, people), index, files), found.refused
