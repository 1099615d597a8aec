"""Lies planted on a card, in a lock, in rows and beside them: each is refuted, and by what it should be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bezoar_data.cards.check import check_dataset, checked
from bezoar_data.cards.claims.evidence import Evidence
from bezoar_data.cards.claims.table import CLAIMS
from bezoar_data.cards.export.export import export_rows
from bezoar_data.cards.hub.gate import refusals
from bezoar_data.cards.licences.lineage import commercial_use
from bezoar_data.cards.signing.signature import check_signature, sign_folder
from bezoar_data.cards.signing.signers import Signers
from bezoar_data.cards.truth import truth_of
from bezoar_data.config.errors import ProblemsError
from bezoar_data.config.files.card import load_card, parse_card
from bezoar_data.config.files.card_text import front_text
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.signed import SUMS, files_to_sign, hashes_of, sums_text
from bezoar_data.training.data.datasets import find_cards
from bezoar_data.training.policy import enforce_policy
from bezoar_data.training.stages.registry import load_recipe
from support.lies import Liar, copied
from support.planted_lies import (
    accept_all,
    against_people,
    alone,
    an_answer_more,
    anew,
    answers_turned,
    around,
    best,
    clean,
    demo,
    drop_other,
    drop_other_wholly,
    every,
    fewer_rows,
    file,
    free_corrections,
    kappa,
    linked,
    linked_folder,
    made_up,
    no_judge,
    no_lineage,
    no_notes,
    nobody,
    one_other_id,
    one_reason,
    other_columns,
    other_ids,
    other_seeds,
    other_source,
    parquet,
    people_accept,
    pipeline,
    put,
    readme,
    renamed,
    reorder,
    report_gone,
    report_short,
    rows_anew,
    second,
    second_below,
    section,
    swap_splits,
    template,
    triple_review,
)
from support.ssh_keys import make_key, needs_ssh_keygen, public
from training.conftest import HEAD


def test_the_truth_passes_also_when_it_is_rendered_anew(honest: Path, tmp_path: Path) -> None:
    assert [(p.code, p.message) for p in check_dataset(honest / "dataset")] == []
    liar = copied(honest, tmp_path)
    liar.anew()
    found = checked(liar.dataset)
    assert [(p.code, p.message) for p in found.problems] == []
    assert found.absent == ("journal",)


BY_HAND: dict[str, tuple[Callable[[Liar], object], str]] = {
    "the card says it is a demo": (readme("  demo: false", "  demo: true"), "card-differs"),
    "the card allows commerce": (
        readme("    commercial: unknown\n    stated", '    commercial: "yes"\n    stated'),
        "card-differs",
    ),
    "the card states another licence": (readme("license: unknown", "license: cc0-1.0"), "card-differs"),
    "a judge of its own on the card": (
        readme("  demo: false", "  judge: [{name: judge, reliability: [{kappa: {value: 0.9}}]}]\n  demo: false"),
        "card-differs",
    ),
    "the card says that its author stated it": (readme("    stated: false", "    stated: true"), "card-differs"),
    "a source's licence on the card": (readme("| CC-BY-4.0 |", "| CC0-1.0 |"), "section-differs"),
    "the judge's kappa on the card": (readme("kappa 0.00 (", "kappa 0.90 ("), "section-differs"),
    "more rows reviewed on the card": (readme("people:** 6 of", "people:** 600 of"), "section-differs"),
    "a key of its own on the card": (readme("  demo: false", "  verified: true\n  demo: false"), "unknown-key"),
    "terms that are none": (readme("  demo: false", "  terms: [yes]\n  demo: false"), "wrong-type"),
    "answers that are none": (readme("  demo: false", "  answers: given\n  demo: false"), "card-differs"),
    "a tag taken off the card": (readme("- synthetic\n", ""), "card-differs"),
    "a price taken off the card": (readme("Total: $0.016518", "Total: $0.0"), "section-differs"),
    "the card's model": (readme("**Written by:** `kind-1`", "**Written by:** `kind-9`"), "section-differs"),
    "a section inside a hidden element": (
        around("licence", "<div hidden>", "</div>\n\nCC0-1.0 for everyone."),
        "section-hidden",
    ),
    "a section inside an open comment": (around("licence", "<!--", "-->"), "section-hidden"),
    "a section inside code": (around("licence", "```text", "```"), "section-hidden"),
    "a section inside folded details": (around("judge", "<details>", "</details>"), "section-hidden"),
    "a section inside an element opened in a sentence": (
        around("judge", 'Read <span style="display:none"> this.', "</span>"),
        "section-hidden",
    ),
    "a style that hides": (around("cost", "<style>h2 {display: none}</style>"), "section-hidden"),
    "a script": (around("cost", "<script>document.title = 1</script>"), "section-hidden"),
    "a second copy above": (second, "section-twice"),
    "a second copy below": (second_below, "section-twice"),
    "a section of a made-up kind": (made_up, "section-unknown"),
    "a section without its end": (readme("<!-- bezoar:end cost -->", ""), "section-open"),
    "a section left out": (lambda liar: liar.readme(section(liar, "cost"), ""), "section-differs"),
    "a secret beside the rows": (file(".env"), "file-unknown"),
    "weights beside the rows": (file("weights.pkl"), "file-unknown"),
    "git's folder beside the rows": (file(".git/config"), "file-unknown"),
    "a program among the rows": (file("data/small.py"), "file-unknown"),
    "answers that the card does not tell of": (file("answers/manifest.json", "{}"), "file-unknown"),
    "a link among the rows": (linked, "file-link"),
    "a link to a folder": (linked_folder, "file-link"),
    "the pipeline replaced": (pipeline("seed: 42", "seed: 43"), "pipeline-changed"),
    "people's verdicts turned": (answers_turned, "review-changed"),
    "a comment put into an answer": (
        parquet("review.parquet", lambda a: a.update(comment="Very good.")),
        "review-changed",
    ),
    "reasons of dropped rows": (parquet("dropped.parquet", drop_other), "drops-differ"),
    "steps of dropped rows": (parquet("dropped.parquet", lambda row: row.update(step="judge-accept")), "drops-differ"),
    "ids of dropped rows": (parquet("dropped.parquet", other_columns), "drops-differ"),
    "the lock's cost": (alone(put("cost", to=0.0)), "cost-differs"),
    "the lock's models": (alone(put("models", 0, "model", to="kind-9")), "models-differ"),
    "a word in the report": (
        lambda liar: liar.text(liar.dataset / "contamination.jsonl", "the moon", "the sun"),
        "file-changed",
    ),
}  # fmt: skip

ANEW: dict[str, tuple[Callable[[Liar], object], str]] = {
    "rows renamed models": (rows_anew(renamed), "models-differ"),
    "a model renamed": (
        anew(put("models", 0, "model", to="best-9"), put("usage", 1, "model", to="best-9")),
        "models-differ",
    ),
    "a model bound to no step": (anew(put("models", 0, "steps", to=[])), "models-differ"),
    "a model bound to another step": (anew(put("models", 0, "steps", to=["judge-accept"])), "models-differ"),
    "a model left out": (anew(lambda lock: lock["models"].pop(0)), "models-differ"),
    "a fallback that never answered": (
        anew(lambda lock: lock["models"].append({**lock["models"][0], "model": "free-1", "fallback": True})),
        "models-differ",
    ),
    "a model that is no rules": (anew(put("models", 1, "provider", to="checks")), "models-differ"),
    "rules that are a model": (anew(put("models", 1, "rules", to=True)), "models-differ"),
    "a placeholder that is no demo": (anew(put("models", 0, "provider", to="placeholder")), "models-differ"),
    "a judge that is a panel": (anew(put("judges", 0, "kind", to="panel")), "verdicts-differ"),
    "a judge of another step": (anew(put("judges", 0, "step", to="nowhere")), "verdicts-differ"),
    "all rated best": (anew(put("judges", 0, "ratings", to={"5": 22})), "verdicts-differ"),
    "more accepted": (anew(put("judges", 0, "accepted", to=22), put("judges", 0, "rejected", to=0)), "verdicts-differ"),
    "the judge left out": (anew(no_judge), "verdicts-differ"),
    "verdicts more alike": (anew(put("judges", 0, "alike", "commonest_reason", to=22)), "verdicts-differ"),
    "rows without a verdict": (anew(put("judges", 0, "unjudged", to={"unreadable": 3})), "verdicts-differ"),
    "rows' verdicts turned": (rows_anew(accept_all), "verdicts-differ"),
    "rows' ratings raised": (rows_anew(best), "verdicts-differ"),
    "rows' reasons made one": (rows_anew(one_reason), "verdicts-differ"),
    "review tripled": (anew(triple_review), "review-differs"),
    "corrections under a licence that nobody was told": (anew(free_corrections), "review-differs"),
    "review of more people": (anew(put("review", "people", to=9)), "review-differs"),
    "nothing corrected": (anew(put("review", "corrected", to=0)), "review-differs"),
    "drafts hidden": (anew(put("review", "drafts", to=4)), "review-differs"),
    "no review": (anew(put("review", to=None)), "review-differs"),
    "rows that people accepted": (
        rows_anew(people_accept, put("review", "status", to={"Accept": 6})),
        "review-differs",
    ),
    "a verdict over people's": (rows_anew(against_people), "review-differs"),
    "rows that nobody reviewed": (rows_anew(nobody), "review-differs"),
    "answers turned": (lambda liar: (answers_turned(liar), liar.anew()), "review-differs"),
    "kappa": (anew(kappa), "agreement-differs"),
    "kappa left out": (anew(put("judging", "people", "agreement", to=[])), "agreement-differs"),
    "people who agree more": (anew(put("review", "between_people", to=None)), "agreement-differs"),
    "more good rows": (anew(put("judging", "people", "calibration", 0, "good", to=6)), "agreement-differs"),
    "no contamination": (anew(clean), "contamination-differs"),
    "contamination not checked": (anew(put("contamination", to=None)), "contamination-differs"),
    "the report removed": (report_gone, "contamination-differs"),
    "the report shortened": (report_short, "contamination-differs"),
    "fewer rows searched": (anew(put("contamination", "steps", 0, "rows", to=9)), "contamination-differs"),
    "not every row searched": (anew(put("contamination", "steps", 0, "every_row", to=False)), "contamination-differs"),
    "an evaluation set without finds": (
        anew(put("contamination", "steps", 0, "sets", 0, "rows_found", to=0)),
        "contamination-differs",
    ),
    "rows' notes taken out": (rows_anew(no_notes), "counts-differ"),
    "nothing kept on appeal": (anew(put("steps", 1, "noted", to={})), "counts-differ"),
    "another reason for drops": (anew(put("steps", 1, "dropped", to={"too_short": 2})), "drops-differ"),
    "another reason for drops, in the dropped rows": (
        lambda liar: (liar.parquet("dropped.parquet", drop_other_wholly), liar.anew()),
        "drops-differ",
    ),
    "nothing dropped": (
        anew(put("steps", 1, "dropped", to={}), put("steps", 1, "rows_in", to=22), put("counts", "dropped", to=0)),
        "counts-differ",
    ),
    "more rows of sources": (anew(put("counts", "source", to=24_000)), "counts-differ"),
    "a limit that was none": (anew(put("pipeline", "limit", to=10)), "counts-differ"),
    "rows taken away": (fewer_rows, "sources-differ"),
    "a source's rows": (anew(put("sources", 0, "rows", to=4_000)), "sources-differ"),
    "a source renamed": (anew(put("sources", 0, "name", to="wikipedia")), "sources-differ"),
    "a source renamed in rows too": (rows_anew(other_source, put("sources", 0, "name", to="wikipedia")), "ids-differ"),
    "a source's revision": (anew(put("sources", 0, "revision", to="0" * 40)), "ids-differ"),
    "a source's licence": (anew(put("sources", 0, "licence", to="CC0-1.0")), "pipeline-differs"),
    "free of cost": (
        anew(put("cost", to=0.0), put("usage", 0, "cost", to=0.0), put("usage", 1, "cost", to=0.0)),
        "cost-differs",
    ),
    "cost that does not add up": (anew(put("cost", to=0.001)), "cost-differs"),
    "one token each": (
        anew(put("usage", 0, "prompt_tokens", to=1), put("usage", 0, "completion_tokens", to=1)),
        "cost-differs",
    ),
    "fewer answers": (anew(put("usage", 0, "answers", to=1)), "usage-differs"),
    "no answers": (anew(put("usage", to=[]), put("cost", to=0.0)), "usage-differs"),
    "rows with answers of their own": (rows_anew(an_answer_more), "usage-differs"),
    "ids of all rows": (rows_anew(other_ids), "ids-differ"),
    "the id of one row": (rows_anew(one_other_id), "ids-differ"),
    "ids beside the lineage": (rows_anew(other_columns), "lineage-differs"),
    "seeds of all rows": (rows_anew(other_seeds), "ids-differ"),
    "no lineage": (rows_anew(no_lineage), "lineage-differs"),
    "rows reordered": (reorder, "rows-moved"),
    "splits swapped": (swap_splits, "splits-differ"),
    "a split called otherwise": (anew(put("data", 1, "split", to="test")), "splits-differ"),
    "another seed": (anew(put("pipeline", "seed", to=7)), "splits-differ"),
    "another seed in the pipeline too": (
        lambda liar: (pipeline("seed: 42", "seed: 7")(liar), liar.anew(put("pipeline", "seed", to=7))),
        "splits-differ",
    ),
    "another share held out": (anew(put("pipeline", "splits", to={"validation": 0.5})), "splits-differ"),
    "the pipeline's name": (anew(put("pipeline", "name", to="famous")), "pipeline-differs"),
    "the pipeline's description": (anew(put("pipeline", "description", to="By experts.")), "pipeline-differs"),
    "another pipeline": (pipeline("- use: decontaminate", "- use: near_duplicates", anew=True), "pipeline-differs"),
    "the pipeline's source under another licence": (
        pipeline("licence: CC-BY-4.0", "licence: CC0-1.0", anew=True),
        "pipeline-differs",
    ),
    "a step left out": (anew(lambda lock: lock["steps"].pop(3)), "steps-differ"),
    "demo rows": (rows_anew(demo), "demo-hidden"),
    "a demo of no demo": (anew(put("demo", to=True)), "demo-hidden"),
    "values": (anew(put("values", to={})), "values-differ"),
    "how long answers are": (
        anew(put("lengths", "explained_targets", "characters", "mean", to=9000.5)),
        "lengths-differ",
    ),
    "longer texts than those that were counted": (
        rows_anew(lambda row: row["review_people"] or row.update(targets=row["targets"] + " Indeed.")),
        "lengths-differ",
    ),
    "a column's type": (anew(put("columns", "judge_rating", to="string")), "columns-differ"),
}  # fmt: skip


@pytest.mark.parametrize("lie", BY_HAND)
def test_a_lie_by_hand_is_refuted(honest: Path, tmp_path: Path, lie: str) -> None:
    _refuted(honest, tmp_path, *BY_HAND[lie])


@pytest.mark.parametrize("lie", ANEW)
def test_a_lie_with_all_rendered_anew_is_refuted(honest: Path, tmp_path: Path, lie: str) -> None:
    _refuted(honest, tmp_path, *ANEW[lie])


def _refuted(honest: Path, tmp_path: Path, plant: Callable[[Liar], object], code: str) -> None:
    liar = copied(honest, tmp_path)
    plant(liar)
    problems = check_dataset(liar.dataset)
    assert code in {p.code for p in problems}, [(p.code, p.message) for p in problems]


VALUES = [None, 1, "text", [{}], {"value": []}]
OF_THE_CARD = ("these are its files", "the front matter", "the sections", "the Croissant")


@pytest.mark.parametrize("key", ["licence", "answers", "judge", "demo", "terms", "views", "about"])
def test_a_key_of_any_shape_is_a_problem_and_no_crash(honest: Path, key: str) -> None:
    dataset = honest / "dataset"
    card, lock = load_card(dataset / "README.md"), Lock.read(dataset / "lock.json")
    seen = Evidence(dataset, lock, card)
    for value in VALUES:
        front = {**card.front, "bezoar": {**card.bezoar, key: value}}
        seen.card = parse_card(front_text(front) + "\n" + card.body, card.file)
        seen.__dict__.pop("malformed", None)
        found = [problem for claim in CLAIMS if claim.says in OF_THE_CARD for problem in claim.check(seen)]
        assert found or (not value and key in ("answers", "judge", "terms", "views", "about")), value


ONLY_A_SIGNATURE: dict[str, Callable[[Liar], object]] = {
    "a model renamed in lock and rows": lambda liar: rows_anew(
        lambda row: row["lineage"].update(models={"orca-explain": "best-9", "judge-accept": "strict-2"}),
        every(put("models", 0, "model", to="best-9"), put("usage", 1, "model", to="best-9")),
    )(liar),
    "terms of a model's outputs": anew(put("models", 0, "output_licence", "id", to="CC0-1.0")),
    "tokens, cost and prices together": anew(
        lambda lock: lock.update(
            cost=0.0, usage=[{**one, "prompt_tokens": 1, "cost": 0.0, "prices": []} for one in lock["usage"]]
        )
    ),
    "sampling": anew(put("models", 0, "sampling", to={"temperature": 0.0})),
    "software": anew(put("software", "distilabel", to="9.9.9")),
    "the rubric": anew(put("steps", 4, "texts", "rubric", to="Be strict.")),
    "a source's licence in lock and pipeline": lambda liar: (
        pipeline("licence: CC-BY-4.0", "licence: CC0-1.0")(liar),
        liar.anew(put("sources", 0, "licence", to="CC0-1.0")),
    ),
    "a word of rows that nobody reviewed": rows_anew(
        lambda row: row["review_people"] or row.update(targets=row["targets"][::-1])
    ),
    "prose": readme("Words of a person.", "In the public domain; kappa 0.99."),
    "what the rows are trained on": template("response: explained_targets", "response: targets"),
    "a licence that its author is said to have stated": template("pretty_name: Small", "license: cc-by-4.0"),
    "terms of a licence that nobody knows": template(
        "bezoar:", "bezoar:\n  terms: {LicenseRef-mine: {commercial: 'no'}}"
    ),
    "who made it": template("bezoar:", "bezoar:\n  about: {creators: [Famous Lab]}"),
    "its title": template("pretty_name: Small", "pretty_name: Small, audited by three universities"),
    "words of its template": template("Words of a person.", "In the public domain."),
}


@needs_ssh_keygen
@pytest.mark.parametrize("lie", ONLY_A_SIGNATURE)
def test_what_only_a_signature_refutes_is_known_and_refuted_by_one(
    honest: Path, tmp_path: Path, ssh_key: Path, lie: str
) -> None:
    """Nothing else in the folder contradicts these: docs/cards.md names them. One that is refuted one day moves up."""
    liar = copied(honest, tmp_path)
    sign_folder(liar.dataset, ssh_key)
    ONLY_A_SIGNATURE[lie](liar)
    assert [(p.code, p.message) for p in check_dataset(liar.dataset)] == []
    anna = Signers.read(public(ssh_key))
    assert {p.code for p in check_signature(liar.dataset, anna).problems} == {"signed-changed"}
    # Who lists the files anew has not signed the list; who signs it is somebody else.
    (liar.dataset / SUMS).write_bytes(sums_text(hashes_of(files_to_sign(liar.dataset))))
    assert [p.code for p in check_signature(liar.dataset, anna).problems] == ["signature-wrong"]
    sign_folder(liar.dataset, make_key(tmp_path / "eve", "anna@example.org"))
    assert [p.code for p in check_signature(liar.dataset, anna).problems] == ["signed-by-another"]


def test_the_closing_line_says_what_was_proved_and_what_was_not_at_hand(honest: Path, tmp_path: Path) -> None:
    liar = copied(honest, tmp_path)
    (liar.run / "dropped.parquet").unlink()
    said = str(checked(liar.dataset))
    assert "missing, so not checked against: dropped.parquet, journal" in said
    assert "prose" in said


@pytest.mark.parametrize(
    ("lie", "code"),
    [("a model renamed in lock and rows", "models-differ"), ("tokens, cost and prices together", "usage-differs")],
)
def test_the_journal_refutes_what_nothing_else_does_where_it_is_at_hand(
    honest: Path, tmp_path: Path, lie: str, code: str
) -> None:
    shutil.copy(honest.parent / "journal.sqlite", tmp_path)
    liar = copied(honest, tmp_path)
    assert checked(liar.dataset).problems == checked(liar.dataset).absent == ()
    ONLY_A_SIGNATURE[lie](liar)
    assert code in {p.code for p in check_dataset(liar.dataset)}


def test_a_pulled_dataset_passes_and_its_pipeline_beside_the_card_is_held_against_the_lock(
    honest: Path, tmp_path: Path
) -> None:
    shutil.copytree(honest / "dataset", tmp_path / "dataset")
    shutil.copy(honest / "pipeline.yaml", tmp_path / "dataset")
    found = checked(tmp_path / "dataset")
    assert (found.problems, found.absent) == ((), ("dropped.parquet", "review.parquet", "journal"))
    (tmp_path / "dataset" / "pipeline.yaml").write_text("name: other")
    assert [p.code for p in check_dataset(tmp_path / "dataset")] == ["pipeline-changed"]


ON_THE_CARD = [name for name, (_, code) in BY_HAND.items() if code in ("card-differs", "section-differs")]


@pytest.mark.parametrize("lie", ON_THE_CARD)
def test_train_publish_and_export_refuse_a_card_edited_by_hand_and_name_the_lie(
    honest: Path, tmp_path: Path, lie: str
) -> None:
    liar = copied(honest, tmp_path)
    BY_HAND[lie][0](liar)
    told = {p.message for p in check_dataset(liar.dataset)}

    stages = [{"use": "sft", "card": str(liar.dataset / "README.md")}]
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps({**HEAD, "policy": {"demo": True}, "stages": stages}))
    with pytest.raises(ProblemsError) as trained:
        loaded = load_recipe(recipe)
        enforce_policy(loaded, find_cards(loaded, tmp_path, truth_of).values(), commercial_use)
    with pytest.raises(ProblemsError) as exported:
        export_rows(liar.run, "jsonl", tmp_path / "out")
    for problems in (trained.value.problems, refusals(liar.dataset), exported.value.problems):
        assert told & {p.message for p in problems}


def test_what_a_card_says_by_hand_counts_for_nothing_where_failed_checks_are_let_through(
    honest: Path, tmp_path: Path
) -> None:
    liar = copied(honest, tmp_path)
    liar.readme("    result: unknown\n    commercial: unknown", '    result: CC0-1.0\n    commercial: "yes"')
    codes = [p.code for p in refusals(liar.dataset, allowed=("failed-checks", "personal-data", "review"))]
    assert codes == ["refused-unknown-licence"]
    assert truth_of(liar.dataset).own["licence"]["commercial"] == "unknown"
