"""What the stages score beside their base, and whose answers are preferred, as far as they were evaluated."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.evaluation.chain import Chain
from bezoar_data.evaluation.mt_bench.record import Pairs, judged_results
from bezoar_data.evaluation.of_stage import scores_of
from bezoar_data.evaluation.people import people_of
from bezoar_data.reports.chain_page.preferred import by_judges, by_people
from bezoar_data.reports.chain_page.stages import wide
from bezoar_data.reports.charts.picture import Cell, Picture, Pictures
from bezoar_data.reports.page import Html, element
from bezoar_data.reports.scores.page import scores_tables
from bezoar_data.reports.scores.picture import panels_of
from bezoar_data.runs.stage_record import TrainedStage


def score_sections(stages: Sequence[TrainedStage], folders: Sequence[Path], pictures: Pictures) -> Iterator[Html]:
    """A section for each suite, and one for people; nothing where no stage was evaluated. Raises `InputError`."""
    chains, refused = _chains(stages, folders)
    people = tuple(people_of([stage.record.key for stage in stages], folders))
    if not chains and not refused and not people:
        return
    yield element("h2", "Evaluation")
    for chain in chains:
        record = chain.last.record
        yield element("h3", record.suite["name"])
        said = f"LM Evaluation Harness {record.software['lm-eval']}; 95 % intervals in brackets."
        yield element("p", said, classes="dim")
        if len(chain.points) == 1:
            yield element("p", "Nothing that it goes on from was evaluated on this suite: what changed is not known.")
        yield from (pictures.place(one, "h4") for one in _pictures(chain))
        yield wide(f"Scores on {record.suite['name']}", *scores_tables(chain, "h4"))
        pairs, damaged = _pairs(chain)
        refused += damaged
        yield from by_judges(pairs, pictures)
    yield from by_people(people, pictures)
    yield from (element("p", line, classes="dim") for line in dict.fromkeys(map(_line, refused)))


def _chains(stages: Sequence[TrainedStage], folders: Sequence[Path]) -> tuple[list[Chain], list[Problem]]:
    """Of each suite the longest chains: a stage that stands in a shown one has none of its own."""
    chains: list[Chain] = []
    refused: list[Problem] = []
    shown: set[tuple[str, str | None]] = set()
    for stage in reversed(stages):
        found = scores_of(stage.record, folders)
        refused += found.refused
        for chain in found.chains:
            suite = chain.last.record.suite["name"]
            if (suite, stage.record.key) not in shown:
                chains.append(chain)
                shown |= {(suite, point.record.model.stage) for point in chain.points}
    return sorted(chains, key=lambda chain: chain.last.record.suite["name"]), refused


def _pairs(chain: Chain) -> tuple[list[Pairs], tuple[Problem, ...]]:
    """Where judges compared these models with each other; and what cannot be read of it."""
    try:
        return judged_results(chain.last.folder.parent, [point.record for point in chain.points])[1], ()
    except InputError as error:
        return [], tuple(error.problems)


def _line(problem: Problem) -> str:
    where = "/".join(Path(problem.place.file).parts[-4:-1]) if problem.place is not None else "an evaluation"
    return f"Not shown: {where}: {problem.message}."


def _pictures(chain: Chain) -> Iterator[Picture]:
    for label, members in panels_of(chain.summary):
        rows: list[tuple[Cell, ...]] = [
            (row.name, point.name, found.value, found.low, found.high)
            for row in members
            for point, found in zip(chain.points, row.values, strict=True)
            if found.value is not None
        ]
        if rows:
            yield Picture(label, "ranges", ("facet or task", "model", "score", "from", "to"), tuple(rows))
