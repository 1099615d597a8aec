"""The licence of weights, from the terms of their base and data, and the card that tells it."""

from __future__ import annotations

from typing import Any

import pytest

from bezoar_data.cards.licences.weights import licence_of_weights
from bezoar_data.cards.model_card.card import model_card, model_front
from bezoar_data.config.files.card import parse_card
from support.trained import GOOD, data, stage


def test_what_all_parts_allow_is_allowed_and_named():
    found = licence_of_weights(stage(GOOD))
    assert (found.licence.result, found.licence.commercial, found.publish) == ("Apache-2.0 AND MIT", "yes", "yes")
    credit = ("Made from open/base, used under Apache-2.0; changes were made.", "Contains material from x.")
    assert (found.concerns, found.licence.attribution) == ((), credit)


TERMS = "CC0-1.0 AND LicenseRef-OpenAI-terms"
SA, NC_SA = data("sa", "CC-BY-SA-4.0", "yes"), data("nc-sa", "CC-BY-NC-SA-4.0", "no")


@pytest.mark.parametrize(
    ("datasets", "more", "verdict", "concerns"),
    [
        ([GOOD, data("nc", "CC-BY-NC-4.0", "no")], {}, ("Apache-2.0 AND CC-BY-NC-4.0 AND MIT", "no", "yes"), []),
        ([data("x", "unknown", "unknown"), GOOD], {}, ("unknown", "unknown", "unknown"), ["unknown-licence"]),
        ([GOOD], {"base": {"model": "a/b"}}, ("unknown", "unknown", "unknown"), ["unknown-licence"]),
        ([SA, NC_SA], {}, ("unknown", "no", "no"), ["unknown-licence"]),
        ([data("a", "x", "yes", licence={"conflicts": ["c"]})], {}, ("unknown", "unknown", "no"), ["unknown-licence"]),
        (
            [data("gpt", TERMS, "unknown")],
            {},
            (f"Apache-2.0 AND {TERMS[12:]}", "unknown", "unknown"),
            ["restricted-terms"],
        ),
        ([data("d", "MIT", "yes", demo=True), GOOD], {}, ("Apache-2.0 AND MIT", "yes", "no"), ["demo"]),
        ([GOOD], {"base": {"make": {}}}, ("MIT", "yes", "no"), ["demo"]),
        ([NC_SA], {"policy": {"commercial": True}}, ("CC-BY-NC-SA-4.0", "no", "no"), ["policy"]),
    ],
)
def test_the_verdict_follows_from_every_part(
    datasets: list[dict[str, Any]], more: dict[str, Any], verdict: tuple[str, str, str], concerns: list[str]
):
    found = licence_of_weights(stage(*datasets, **more))
    assert (found.licence.result, found.licence.commercial, found.publish) == verdict
    assert [name for name, _ in found.concerns] == concerns


LLAMA = "meta-llama/Llama-3.1-8B"


@pytest.mark.parametrize(
    ("base", "result", "commercial", "words"),
    [
        ({"model": LLAMA, "licence": "llama3.1"}, "LicenseRef-Llama-3.1 AND MIT", "unknown", "stated as llama3.1"),
        ({"model": LLAMA}, "LicenseRef-Llama-3.1 AND MIT", "unknown", "LicenseRef-Llama-3.1, going by its name"),
        (
            {"model": LLAMA, "licence": "apache-2.0"},
            "unknown", "unknown", "stated as apache-2.0, but by its name it is LicenseRef-Llama-3.1",
        ),
        ({"model": LLAMA, "licence": "cc-by-nc-4.0"}, "unknown", "no", "which of them holds is unknown"),
        ({"model": "a/b", "licence": "free to use!"}, "unknown", "unknown", "which is none that could be read"),
    ],
)  # fmt: skip
def test_a_base_is_known_by_its_name(base: dict[str, Any], result: str, commercial: str, words: str):
    found = licence_of_weights(stage(GOOD, base=base)).licence
    assert (found.result, found.commercial) == (result, commercial)
    assert words in " ".join(found.reasons)
    shown = any(line.startswith(f"Built with Llama: made from {LLAMA}") for line in found.attribution)
    assert shown == ("Llama" in result)


def test_data_that_must_not_be_sold_gives_no_licence_that_lets_it():
    forbidden = licence_of_weights(stage(data("d", "MIT", "no")))
    assert (forbidden.licence.result, forbidden.licence.commercial) == ("unknown", "no")


def test_terms_of_two_cards_that_contradict_each_other_hold_for_nothing():
    ours = data("a", "LicenseRef-ours", "no", terms={"LicenseRef-ours": {"commercial": "no"}})
    theirs = data("b", "LicenseRef-ours", "yes", terms={"LicenseRef-ours": {"commercial": "yes"}})
    found = licence_of_weights(stage(ours, theirs)).licence
    assert (found.result, found.commercial) == ("unknown", "no")


def test_a_dataset_of_two_stages_counts_once():
    found = licence_of_weights(stage(GOOD, GOOD))
    assert sum("Data good" in reason for reason in found.licence.reasons) == 1


def test_terms_that_a_card_adds_of_its_own_are_known():
    own = data("own", "LicenseRef-ours", "yes", terms={"LicenseRef-ours": {"commercial": "yes"}})
    assert licence_of_weights(stage(own)).licence.result == "Apache-2.0 AND LicenseRef-ours"


def test_the_card_tells_lineage_metrics_and_verdict_and_obeys_no_foreign_text():
    evil = data("evil<script>|x", "MIT", "yes", where="a == '|`'")
    text = model_card(stage(GOOD, evil))
    front = parse_card(text, "README.md").front
    assert front["base_model"] == "open/base"
    assert front["base_model_relation"] == "adapter"
    assert (front["license"], front["license_name"]) == ("other", "Apache-2.0 AND MIT")
    assert [one["lock"] for one in front["bezoar"]["data"]] == ["lock-good", "lock-evil"]
    body = text.split("\n---\n", 1)[1]
    assert "| `s0` | sft | `base` | 9 | 2.500 → 1.250 |" in body
    assert "**Commercial use: yes.** **May be published: yes.**" in body
    assert "<script>" not in body
    assert "evil&lt;script&gt;\\|x" in body
    assert "adapter.r: 16" in body
    assert "AutoPeftModelForCausalLM" in body


def test_a_model_that_stands_alone_is_a_finetune_of_the_base():
    alone = stage(GOOD, base_lineage=None)
    front = model_front(alone, licence_of_weights(alone))
    assert (front["library_name"], front["base_model_relation"]) == ("transformers", "finetune")
    local = stage(GOOD, base={"model": "folder", "folder": True, "licence": "mit"}, base_lineage=None)
    assert "base_model" not in model_front(local, licence_of_weights(local))
