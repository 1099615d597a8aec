"""How licences pass on: expected results for what datasets are really made of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bezoar_data.cards.licences.lineage import Licence, licence_of
from bezoar_data.cards.licences.table import licence_table
from bezoar_data.cards.sample_lock import SAMPLE
from bezoar_data.config.files.models import OutputLicence
from bezoar_data.runs.lock import HumanReview, Lock, LockedModel, LockedSource

OPENAI = {"id": "LicenseRef-OpenAI-terms", "commercial": "unknown"}
APACHE = {"id": "Apache-2.0", "commercial": "yes"}
NOBODY = {"id": "unknown", "commercial": "unknown"}
HUB = "https://huggingface.co/datasets/"


def source(licence: str | None, name: str = "rows.jsonl", hub: bool = False, kept: int = 10) -> LockedSource:
    url = f"{HUB}{name}" if hub else None
    return replace(SAMPLE.sources[0], name=name, licence=licence, url=url, rows=10, kept=kept)


def model(terms: dict[str, Any], name: str = "the-model", step: str = "explain") -> LockedModel:
    terms_of_outputs = OutputLicence.model_validate(terms)
    return replace(SAMPLE.models[0], model=name, output_licence=terms_of_outputs, steps=(step,) if step else ())


def lock(*parts: LockedSource | LockedModel, corrected: int = 0) -> Lock:
    sources = tuple(part for part in parts if isinstance(part, LockedSource))
    review = HumanReview(
        answers_sha256="0",
        rows=9, even=9, people=1, answers=9, discarded=0, drafts=0, status={}, preference={}, divided=0,
        corrected=corrected, between_people=None,
    )  # fmt: skip
    return replace(
        SAMPLE,
        sources=sources,
        models=tuple(part for part in parts if isinstance(part, LockedModel)),
        judges=(),
        counts=replace(SAMPLE.counts, kept=sum(part.kept for part in sources)),
        review=review if corrected else None,
    )


def sources(*licences: str | None) -> Lock:
    return lock(*(source(licence, f"part{i}.jsonl") for i, licence in enumerate(licences)))


CASES: dict[str, tuple[Lock, str, str, str]] = {
    # name: (lock, licence, commercial use, words of a reason)
    "dolly and an Apache-2.0 generator": (
        lock(source(None, "databricks/databricks-dolly-15k", hub=True), model(APACHE)),
        "CC-BY-SA-3.0", "yes", "it is known to be CC-BY-SA-3.0",
    ),
    "FLAN and GPT-4's answers": (
        lock(source("Apache-2.0", "flan.jsonl"), model(OPENAI, "gpt-4-0613")),
        "Apache-2.0 AND LicenseRef-OpenAI-terms", "unknown", "develop models that compete",
    ),
    "Alpaca": (
        lock(source("cc-by-nc-4.0", "tatsu-lab/alpaca", hub=True)),
        "CC-BY-NC-4.0 AND LicenseRef-OpenAI-terms", "no", "holds answers of a model under LicenseRef-OpenAI-terms",
    ),
    "a generator nobody knows the terms of": (
        lock(source("MIT"), model(NOBODY)), "unknown", "unknown", "the terms of its outputs are unknown",
    ),
    "a generator known by its name alone": (
        lock(source("MIT"), model(NOBODY, "gpt-4o-mini")),
        "LicenseRef-OpenAI-terms AND MIT", "unknown", "going by the model's name",
    ),
    "a mixture of MIT and CC BY-NC": (sources("MIT", "CC-BY-NC-4.0"), "CC-BY-NC-4.0 AND MIT", "no", "forbids"),
    "ODC-BY": (sources("odc-by"), "ODC-By-1.0", "yes", "stated as odc-by"),
    "GPL text": (sources("GPL-3.0-only"), "GPL-3.0-only", "yes", "GPL-3.0-only"),
    "GPL and MIT": (sources("GPL-3.0-only", "MIT"), "GPL-3.0-only", "yes", "GPL-3.0-only follows"),
    "GPL 2 and Apache": (sources("GPL-2.0-only", "Apache-2.0"), "unknown", "unknown", "cannot be joined"),
    "two share-alike licences that conflict": (
        sources("CC-BY-SA-3.0", "ODbL-1.0"), "unknown", "unknown", "no licence satisfies all share-alike terms",
    ),
    "share-alike of two versions": (sources("CC-BY-SA-3.0", "CC-BY-SA-4.0"), "CC-BY-SA-4.0", "yes", "CC-BY-SA-4.0"),
    "CC BY-SA 4.0 into GPL 3": (sources("CC-BY-SA-4.0", "GPL-3.0-only"), "GPL-3.0-only", "yes", "GPL-3.0-only"),
    "CC BY-SA 3.0 into GPL 3": (sources("CC-BY-SA-3.0", "GPL-3.0-only"), "unknown", "unknown", "Conflict"),
    "share-alike and non-commercial": (
        sources("CC-BY-SA-4.0", "CC-BY-NC-4.0"), "unknown", "no", "forbids commercial use, which none of these",
    ),
    "non-commercial share-alike takes non-commercial in": (
        sources("CC-BY-NC-SA-4.0", "CC-BY-NC-4.0"), "CC-BY-NC-SA-4.0", "no", "CC-BY-NC-SA-4.0",
    ),
    "share-alike, free and not": (sources("CC-BY-SA-4.0", "CC-BY-NC-SA-4.0"), "unknown", "no", "Conflict"),
    "no changes allowed": (sources("CC-BY-ND-4.0"), "unknown", "unknown", "does not allow changed versions"),
    "no changes, no commerce": (sources("CC-BY-NC-ND-4.0"), "unknown", "no", "does not allow changed versions"),
    "nobody said": (sources(None), "unknown", "unknown", "nobody has stated its licence"),
    "one known and one not": (sources("MIT", None), "unknown", "unknown", "nobody has stated its licence"),
    "forbidden and not known": (sources("CC-BY-NC-4.0", None), "unknown", "no", "forbids commercial use"),
    "a name that is none": (sources("free to use!!"), "unknown", "unknown", "no licence that could be read"),
    "terms of one's own that nobody described": (
        sources("LicenseRef-mine"), "unknown", "unknown", "nothing is known here of LicenseRef-mine",
    ),
    "a choice of two": (sources("MIT OR GPL-3.0-only"), "MIT", "yes", "MIT follows"),
    "a choice that avoids a conflict": (
        sources("GPL-3.0-only OR CC-BY-4.0", "CC-BY-SA-3.0"), "CC-BY-SA-3.0", "yes", "CC-BY-SA-3.0 follows",
    ),
    "both at once": (sources("MIT AND CC-BY-NC-4.0"), "CC-BY-NC-4.0 AND MIT", "no", "forbids"),
    "public domain and share-alike": (sources("CC0-1.0", "CC-BY-SA-4.0"), "CC-BY-SA-4.0", "yes", "CC-BY-SA-4.0"),
    "public domain alone": (lock(source("CC0-1.0"), model(APACHE)), "CC0-1.0", "yes", "CC0-1.0 follows"),
    "permissive ones stay side by side": (
        sources("MIT", "Apache-2.0", "CC-BY-4.0"), "Apache-2.0 AND CC-BY-4.0 AND MIT", "yes", "Every part allows",
    ),
    "a card and the table differ": (
        lock(source("mit", "databricks/databricks-dolly-15k", hub=True)), "unknown", "unknown", "which of them holds",
    ),
    "weights that forbid commerce": (
        lock(source("MIT"), model({"id": "CC-BY-NC-4.0", "commercial": "no"})), "MIT", "no", "CC-BY-NC-4.0",
    ),
    "weights under share-alike say nothing of answers": (
        lock(source("MIT"), model({"id": "CC-BY-SA-4.0", "commercial": "yes"})), "MIT", "yes", "MIT follows",
    ),
    "a word of caution outweighs the licence": (
        lock(source("MIT"), model({"id": "Apache-2.0", "commercial": "no"})), "MIT", "no", "commercial use of them: no",
    ),
    "a word of confidence does not outweigh the terms": (
        lock(source("MIT"), model({"id": "LicenseRef-OpenAI-terms", "commercial": "yes"}, "gpt-4o")),
        "LicenseRef-OpenAI-terms AND MIT", "unknown", "read on 2026-11-21",
    ),
    "a model that was not asked": (lock(source("MIT"), model(NOBODY, step="")), "MIT", "yes", "MIT follows"),
    "a mixture with parts of its own": (
        lock(source("odc-by", "allenai/tulu-3-sft-mixture", hub=True)), "unknown", "unknown", "licences of their own",
    ),
    "corrections of people who did not say": (
        lock(source("MIT"), corrected=3), "unknown", "unknown", "People corrected 3 answers",
    ),
    "a source of which every row was dropped": (
        lock(source("MIT"), source("CC-BY-NC-4.0", "other.jsonl", kept=0)), "MIT", "yes", "none of its rows came into",
    ),
    "a dataset without rows": (lock(source("MIT", kept=0)), "MIT", "yes", "MIT follows"),
    "nothing at all": (lock(), "unknown", "unknown", "its licence is unknown"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_follows_from_the_parts(name: str) -> None:
    made, result, commercial, words = CASES[name]
    licence = licence_of(made, None)
    assert (licence.result, licence.commercial) == (result, commercial), licence.reasons
    assert words in " ".join(licence.reasons)
    assert not licence.stated


STATED = (
    # the author's word, the source's licence: (commercial, conflicts)
    ("mit", "CC0-1.0", "yes", 0),
    ("cc-by-4.0", "MIT", "yes", 0),
    ("cc-by-nc-4.0", "MIT", "no", 0),
    ("apache-2.0", "CC-BY-SA-4.0", "unknown", 1),
    ("cc-by-sa-4.0", "CC-BY-SA-3.0", "yes", 0),
    ("mit", "CC-BY-NC-4.0", "no", 1),
    ("cc-by-nc-sa-4.0", "CC-BY-NC-4.0", "no", 0),
    ("cc-by-4.0", None, "unknown", 0),
    ("free-for-all", "MIT", "unknown", 0),
    ("cc-by-4.0", "CC-BY-ND-4.0", "unknown", 1),
)


@pytest.mark.parametrize(("stated", "licence", "commercial", "conflicts"), STATED)
def test_the_authors_word_is_held_against_the_parts(
    stated: str, licence: str | None, commercial: str, conflicts: int
) -> None:
    found = licence_of(sources(licence), stated)
    assert (found.result, found.commercial, len(found.conflicts)) == (stated, commercial, conflicts), found.reasons
    assert found.stated
    assert "as stated by the card's author" in found.reasons[0]


def test_terms_of_ones_own_are_used() -> None:
    own = {"LicenseRef-archive": {"commercial": "yes", "attribution": True, "url": "https://example.org/terms"}}
    found = licence_of(sources("LicenseRef-archive"), None, own)
    assert (found.result, found.commercial, found.hub) == ("LicenseRef-archive", "yes", "other")
    assert found.attribution == (
        "Contains material from part0.jsonl, used under LicenseRef-archive; changes were made.",
    )


def test_who_must_be_named_is_named_once() -> None:
    dolly = source(None, "databricks/databricks-dolly-15k", hub=True)
    found = licence_of(lock(dolly, dolly, source("CC0-1.0")), None)
    (line,) = found.attribution
    assert line.startswith("Contains material from databricks/databricks-dolly-15k by Databricks (https://")


@pytest.mark.parametrize(
    ("result", "hub"),
    [("unknown", "unknown"), ("MIT", "mit"), ("CC-BY-SA-3.0", "cc-by-sa-3.0"), ("ODC-By-1.0", "odc-by"),
     ("Apache-2.0 AND MIT", "other"), ("LicenseRef-x", "other")],
)  # fmt: skip
def test_the_hubs_name_of_a_licence(result: str, hub: str) -> None:
    assert Licence(result, "unknown", (), stated=False).hub == hub


def test_every_known_licence_is_spelled_as_spdx_spells_it_and_names_known_ones() -> None:
    table = licence_table()
    for name, terms in table.licences.items():
        assert table.alternatives(name) == (frozenset([name]),)
        assert {*terms.share_alike, *terms.apart} <= set(table.licences)
        assert not terms.share_alike or name in terms.share_alike
        assert not name.startswith("LicenseRef-") or terms.commercial == "unknown"
    named = [*table.aliases.values(), *(terms for _, terms in table.models)]
    named += [s.licence for s in table.sources.values()]
    named += [terms for s in table.sources.values() for terms in s.made_with]
    assert set(named) <= set(table.licences)


LOOSENED: dict[str, tuple[Lock, dict[str, Any], str, str]] = {
    # name: (lock, the card's `bezoar: terms:`, commercial use, both statements)
    "commerce with CC BY-NC": (
        sources("CC-BY-NC-4.0"), {"CC-BY-NC-4.0": {"commercial": "yes"}}, "no",
        "the card says of CC-BY-NC-4.0 commercial: 'yes'; known is commercial: 'no'",
    ),
    "the same by another of its names": (
        sources("CC-BY-NC-4.0"), {"cc-by-nc-4.0": {"commercial": "yes"}}, "no", "known is commercial: 'no'",
    ),
    "commerce under OpenAI's terms": (
        lock(source("MIT"), model(OPENAI)), {"LicenseRef-OpenAI-terms": {"commercial": "yes"}}, "unknown",
        "commercial: 'yes'; known is commercial: 'unknown'",
    ),
    "OpenAI's terms without their limit": (
        lock(source("MIT"), model(OPENAI)), {"LicenseRef-OpenAI-terms": {"limit": ""}}, "unknown",
        "known is limit: 'forbid",
    ),
    "weights that forbid commerce": (
        lock(source("MIT"), model({"id": "CC-BY-NC-4.0",
        "commercial": "yes"})), {"CC-BY-NC-4.0": {"commercial": "yes"}},
        "no", "known is commercial: 'no'",
    ),
    "no attribution": (
        sources("CC-BY-4.0"), {"CC-BY-4.0": {"attribution": False}}, "unknown",
        "attribution: false; known is attribution: true",
    ),
    "share-alike under anything": (
        sources("CC-BY-SA-4.0"), {"CC-BY-SA-4.0": {"share_alike": ["MIT"]}}, "unknown",
        "share_alike: [MIT]; known is share_alike: [CC-BY-SA-4.0, GPL-3.0-only]",
    ),
    "changes after all": (
        sources("CC-BY-ND-4.0"), {"CC-BY-ND-4.0": {"changes": True}}, "unknown",
        "known is changes: false",
    ),
    "no notice": (sources("MIT"), {"MIT": {"duties": False}}, "unknown", "duties: false; known is duties: true"),
    "joined after all": (
        sources("Apache-2.0"), {"Apache-2.0": {"apart": []}}, "unknown",
        "known is apart: [GPL-2.0-only]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOSENED)
def test_a_card_cannot_loosen_what_is_known_and_both_statements_are_named(name: str) -> None:
    data, own, commercial, says = LOOSENED[name]
    found = licence_of(data, None, own)
    assert (found.result, found.commercial) == ("unknown", commercial)
    assert any(says in conflict for conflict in found.conflicts), found.conflicts


@pytest.mark.parametrize(
    ("own", "commercial"),
    [
        ({"MIT": {"commercial": "no"}}, "no"),
        ({"MIT": {"commercial": "unknown"}}, "unknown"),
        ({"MIT": {"url": "https://example.org/mit"}}, "yes"),
        ({"CC-BY-NC-4.0": {"commercial": "yes"}}, "yes"),  # which does not hold here
    ],
)
def test_a_card_may_ask_for_more(own: dict[str, Any], commercial: str) -> None:
    found = licence_of(sources("MIT"), None, own)
    assert (found.result, found.commercial, found.conflicts) == ("MIT", commercial, ())


def test_a_models_file_cannot_loosen_the_terms_that_a_models_name_is_known_for() -> None:
    found = licence_of(lock(source("MIT"), model({"id": "CC0-1.0", "commercial": "yes"}, "gpt-4-0613")), None)
    assert (found.result, found.commercial) == ("unknown", "unknown")
    said = next(reason for reason in found.reasons if "gpt-4-0613" in reason)
    assert "stated as CC0-1.0 (commercial use: yes)" in said
    assert "known to be under LicenseRef-OpenAI-terms (commercial use: unknown)" in said


def test_a_models_file_cannot_loosen_terms_that_it_names() -> None:
    found = licence_of(lock(source("MIT"), model({**OPENAI, "commercial": "yes"})), None)
    assert found.commercial == "unknown"
    assert any(
        "commercial use of them: unknown, as is known of LicenseRef-OpenAI-terms, though" in r for r in found.reasons
    )
