"""Every claim of a card with what refutes it: one line each. What stands in no line is a person's word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bezoar_data.cards.claims import answers, card, counts, data, people
from bezoar_data.cards.claims.evidence import Evidence
from bezoar_data.config.problems import Problem


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that a card says, what refutes it, and the function that tries to. `needs` names what must be at hand
    for all of it."""

    says: str
    refuted_by: str
    check: Callable[[Evidence], Iterator[Problem]]
    needs: str = ""


CLAIMS: tuple[Claim, ...] = (
    Claim("this is the build", "the lock's hash", card.build),
    Claim("these are its files", "their hashes in the lock", data.files),
    Claim("these are its columns, values and lengths", "the rows", data.columns),
    Claim(
        "this is where each row came from", "ids, hashes of source, revision and place; its lineage", data.identities
    ),
    Claim("these are its splits", "seed and fractions of the lock, drawn again", data.splits),
    Claim("this pipeline made it", "its hash in the lock, and what it says", data.pipeline, "pipeline.yaml"),
    Claim("how many rows came and stayed at each step", "the rows, and what their lineage notes", counts.counts),
    Claim("how many were dropped, for which reasons", "the dropped rows", counts.dropped, "dropped.parquet"),
    Claim("these are its sources", "each row's lineage", counts.sources),
    Claim("these models answered", "each row's lineage", counts.models),
    Claim("this is what it cost", "answers that rows name; tokens times price", counts.cost),
    Claim(
        "these answers, and what they took", "the journal's answers to the rows' keys", answers.journalled, "journal"
    ),
    Claim("it is a demo, or none", "each row's lineage", counts.demo),
    Claim("this is what judges said", "the rows' verdicts, ratings and scores", counts.verdicts),
    Claim("this is what people said", "the rows' columns, and people's answers", people.review, "review.parquet"),
    Claim("how far judges agree with people", "both in the rows, measured again", people.agreement),
    Claim("this overlaps with evaluation sets", "the report, and the steps' counts", people.contamination),
    Claim("the front matter", "the lock", card.front),
    Claim("the sections", "the lock, rendered again", card.sections),
    Claim("the sections are what a reader sees", "markers and HTML of the body", card.layout),
    Claim("the Croissant", "lock and front matter", card.croissant_file),
)
