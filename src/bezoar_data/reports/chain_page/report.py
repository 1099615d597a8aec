"""Putting the page of a recipe's training together, from what its stages left and what `evaluate` found of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path

from bezoar_data.cards.licences.weights import licence_of_weights
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.words import many, time_of
from bezoar_data.reports.chain_page.data import data_sections
from bezoar_data.reports.chain_page.scores import score_sections
from bezoar_data.reports.chain_page.stages import base_of, chain_picture, number_of, stage_sections, stages_table
from bezoar_data.reports.charts.picture import Pictures, charts_part, charts_source
from bezoar_data.reports.page import Html, element, page, piece
from bezoar_data.runs.stage_record import TrainedStage, last_of, stages_of


def chain_page(folder: Path, evaluated: Iterable[Path]) -> str:
    """The page of all finished stages in a recipe's folder, with what the evaluations that lie in the folders
    `evaluated` say of them. The same files give the same bytes. Raises `InputError` where no stage is there, or one
    cannot be read."""
    stages = _stages(folder)
    pictures = Pictures()
    content = [
        *_head(stages),
        element(
            "main",
            element("h2", "Stages"),
            chain_picture(stages),
            stages_table(stages),
            *stage_sections(stages, pictures),
            *data_sections(stages, pictures),
            *score_sections(stages, tuple(evaluated), pictures),
            *_made_with(stages),
        ),
    ]
    return page(
        stages[-1].record.recipe["name"],
        *content,
        pictures.tables(),
        style=charts_part("charts.css") + _file("page.css"),
        script="\n".join((charts_part("unpack.js"), charts_part("charts.js"), _file("main.js"))),
        more=(charts_source(),),
        behind=(pictures.library(),),
    )


def chain_piece(folder: Path) -> str:
    """The stages alone, for a notebook. Raises what `chain_page` raises."""
    stages = _stages(folder)
    return piece(*_head(stages), chain_picture(stages, links=False), stages_table(stages), style=_file("page.css"))


def _stages(folder: Path) -> list[TrainedStage]:
    if stages := stages_of(folder):
        return stages
    hint = "name the folder of a recipe's training, such as trained/tiny"
    raise InputError(Problem("no-stage", "there is no finished stage here", Place(str(folder)), hint))


def _file(name: str) -> str:
    return (files(__package__) / "browser" / name).read_text("utf-8")


def _head(stages: Sequence[TrainedStage]) -> Iterator[Html]:
    record = stages[-1].record
    seconds = sum(number_of(stage.record.times.get("seconds")) or 0 for stage in stages)
    lines = [f"{many(len(stages), 'stage')} on {base_of(record)}", f"{time_of(seconds)} of training and merging"]
    if record.machine is not None:
        lines.append(f"on {record.machine.get('name')}")
    description = record.recipe["description"]
    yield element(
        "header",
        element("h1", record.recipe["name"]),
        *([element("p", description)] if description else []),
        element("p", ", ".join(lines), classes="dim"),
        *_demo(stages),
    )


def _demo(stages: Sequence[TrainedStage]) -> Iterator[Html]:
    found = [
        concern for stage in last_of(stages) or stages[-1:] for concern in licence_of_weights(stage.record).concerns
    ]
    why = dict.fromkeys(sentence for name, sentence in found if name == "demo")
    if why:
        said = f"For demonstration only: {'; '.join(why)}. The models know nothing worth knowing."
        yield element("p", said, classes="bad")


def _made_with(stages: Sequence[TrainedStage]) -> Iterator[Html]:
    record = stages[-1].record
    versions = ", ".join(f"{name} {version}" for name, version in record.software.items())
    yield element("h2", "Made with")
    yield element(
        "p", f"{versions}; recipe {record.recipe['name']}, SHA-256 {record.recipe['sha256']}", classes="dim long"
    )
