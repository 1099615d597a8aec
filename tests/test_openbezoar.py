"""The replication of OpenBezoar's data: its columns, its models, its sizes, and what in it is ours."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bezoar_data import load_pipeline
from bezoar_data.config.yaml.document import Document, load_yaml
from bezoar_data.pipeline.builders import builder_of
from bezoar_data.runs.row import LINEAGE_COLUMNS
from bezoar_data.training.stages.registry import load_recipe
from support.paper_models import EVALUATOR, GENERATOR, JUDGE, PaperModels
from support.pipeline_files import load_pipeline_file
from support.quirk_server import QuirkServer

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "pipelines" / "openbezoar"
PAPER = ROOT / "pipelines" / "models" / "paper.yaml"
SEEDS = ROOT / "pipelines" / "seeds"
NAMES = ("lamini", "evol-instruct", "orca", "hh-rlhf-sft", "hh-rlhf-dpo")

VERDICT = ("status", "rating", "reason")
GPT4, FALCON = ([f"{judge}_{part}" for part in VERDICT] for judge in ("gpt4", "falcon"))
PUBLISHED = {
    "lamini": ["instruction", "source", "response", *GPT4, *FALCON],
    "evol-instruct": [
        *("instruction", "response", "category", "evolution_strategy", "in-depth-evolving_operation", "epoch"),
        *GPT4,
        *FALCON,
    ],
    "orca": [
        *("original_index", "inputs", "targets", "task_source", "task_name", "template_type", "system_message"),
        *("explained_targets", "dataset_source"),
        *FALCON,
        *GPT4,
    ],
}
"""Columns of the published data; those of LaMini's third judge, Llama-2, aside."""


@dataclass(frozen=True)
class Made:
    """What a pipeline made with scripted models."""

    rows: list[dict[str, Any]]
    columns: list[str]
    lock: dict[str, Any]
    card: str


@dataclass(frozen=True)
class Replicated:
    made: dict[str, Made]
    models: PaperModels


@pytest.fixture(scope="module")
def replicated(tmp_path_factory: pytest.TempPathFactory) -> Replicated:
    """The three pipelines that ask models, on shipped seeds in place of the large data."""
    folder = tmp_path_factory.mktemp("openbezoar")
    patch = pytest.MonkeyPatch()
    patch.setenv("OPENAI_API_KEY", "sk-none")
    asked = PaperModels()
    with QuirkServer() as server:
        server.quirks["paper"] = asked
        text = PAPER.read_text()
        for url in ("http://localhost:8000/v1", "http://localhost:8001/v1", "https://api.openai.com/v1"):
            text = text.replace(url, server.url("paper"))
        models = folder / "models.yaml"
        models.write_text(text)
        made = {name: run(name, models, folder, settings(name, folder)) for name in PUBLISHED}
    patch.undo()
    return Replicated(made, asked)


def settings(name: str, folder: Path) -> dict[str, Any]:
    if name == "orca":
        return flan_settings(folder)
    seeds = {"steps.load_instructions.hub": None, "steps.load_instructions.path": str(SEEDS / "dolly_like.jsonl")}
    if name == "lamini":
        return {**seeds, "steps.lamini-generate.target": 25}
    return {
        **seeds,
        "steps.pool.per_category": 1,
        "steps.pool.max_tokens": 12,
        "steps.pool.tokenizer": str(word_tokenizer(folder)),
        "steps.sample.rows": 20,
    }


def flan_settings(folder: Path) -> dict[str, Any]:
    """The shipped questions by sub-mix, each in a file of its own; beside T0's, two that are to be left out."""
    rows = [json.loads(line) for line in (SEEDS / "flan.jsonl").read_text().splitlines()]
    found: dict[str, Any] = {}
    for step, submix in (("cot", "CoT"), ("niv2", "NIv2"), ("flan2021", "Flan2021"), ("t0", "T0")):
        chosen = [row for row in rows if row["task_source"] == submix]
        if submix == "T0":
            chosen += [
                {**chosen[0], "inputs": "What is left out?", "task_name": "bigbench:logic"},
                {**chosen[0], "inputs": "Who is there?", "task_source": "Dialog"},
            ]
        path = folder / f"{step}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in chosen))
        found |= {f"steps.{step}.hub": None, f"steps.{step}.path": str(path), f"steps.{step}.quotas": {submix: 5}}
    return found | {"steps.t0.quotas": {}}


def word_tokenizer(folder: Path) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    path = folder / "tokenizer.json"
    tokenizer.save(str(path))
    return path


def run(name: str, models: Path | None, folder: Path, changes: dict[str, Any]) -> Made:
    out = folder / "runs" / f"openbezoar-{name}"
    journal = out.with_name("journal.sqlite")
    pipeline = load_pipeline(FOLDER / f"{name}.yaml", models=models, set=changes, out=out, journal=journal)
    dataset = pipeline.run(quiet=True).load_dataset()
    rows = [row for split in dataset.values() for row in split]
    columns = [c for c in next(iter(dataset.values())).column_names if c not in {*LINEAGE_COLUMNS, "_bezoar"}]
    lock = json.loads((out / "dataset" / "lock.json").read_text())
    return Made(rows, columns, lock, (out / "dataset" / "README.md").read_text())


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_columns_are_the_published_ones_and_ratings_are_text(name: str, replicated: Replicated):
    made = replicated.made[name]
    assert sorted(made.columns) == sorted(PUBLISHED[name])
    assert len(made.rows) >= 15
    assert {row["gpt4_status"] for row in made.rows} == {"Accept", "Reject"}, "the published sets are not filtered"
    assert {type(row[f"{judge}_rating"]) for row in made.rows for judge in ("gpt4", "falcon")} == {str}


def test_every_generated_text_is_the_generators_own(replicated: Replicated):
    rows = replicated.made["lamini"].rows
    assert {row["source"] for row in rows} == {"example_guided", "topic_guided"}
    assert all(row["response"].startswith("It was found near") for row in rows)
    assert len(rows) == 25
    evolved = replicated.made["evol-instruct"].rows
    assert len(evolved) == 20
    assert {row["epoch"] for row in evolved} == {1, 2, 3}
    assert len({(row["category"], row["epoch"], row["evolution_strategy"]) for row in evolved}) == len(
        {(row["category"], row["epoch"]) for row in evolved}
    ), "one draw an epoch for a whole category"


def test_orcas_rows_come_from_four_submixes_without_dialog_and_big_bench(replicated: Replicated):
    rows = replicated.made["orca"].rows
    counts = Counter(row["task_source"] for row in rows)
    assert counts == {"CoT": 5, "NIv2": 5, "Flan2021": 5, "T0": 16}
    assert not [row for row in rows if "bigbench" in row["task_name"]]
    assert {row["dataset_source"] for row in rows} == {"cot.jsonl", "niv2.jsonl", "flan2021.jsonl", "t0.jsonl"}


def test_the_generator_is_asked_between_its_marks_with_the_known_sampling(replicated: Replicated):
    bodies = replicated.models.bodies
    assert set(bodies) == {GENERATOR, JUDGE, EVALUATOR}
    for body in bodies[GENERATOR]:
        assert body["prompt"].startswith("<human>: ")
        assert body["prompt"].endswith("\n<bot>:")
        assert "messages" not in body
        assert "chat_template" not in body
        known = {"temperature": 0.8, "top_k": 40, "top_p": 0.95, "repetition_penalty": 1.1}
        assert {key: body[key] for key in known} == known
    given = {body["prompt"].partition("#Given Prompt#:\n")[2].split("\n\n#")[0] for body in bodies[GENERATOR]} - {""}
    seeds = [json.loads(line)["instruction"] for line in (SEEDS / "dolly_like.jsonl").read_text().splitlines()]
    cut = [text for text in given if any(seed.startswith(text) and seed != text for seed in seeds)]
    assert cut
    assert all(len(re.findall(r"\w+|[^\w\s]+", text)) == 12 for text in cut), "by the tokenizer that is named"
    assert all(body["temperature"] == 0 for body in bodies[EVALUATOR])
    assert all(body["max_tokens"] == 30 for body in bodies[EVALUATOR])


@pytest.mark.parametrize("name", PUBLISHED)
def test_lock_and_card_say_who_judged(name: str, replicated: Replicated):
    made = replicated.made[name]
    assert JUDGE in made.card
    assert GENERATOR in made.card
    assert sorted(judge["name"] for judge in made.lock["judges"]) == ["falcon", "gpt4"]


@pytest.mark.parametrize("name", ["hh-rlhf-sft", "hh-rlhf-dpo"])
def test_the_preference_data_is_cut_first(name: str, tmp_path: Path):
    changes = {"steps.load_hh_rlhf.hub": None, "steps.load_hh_rlhf.path": str(SEEDS / "hh_rlhf_like.jsonl")}
    made = run(name, None, tmp_path, changes)
    assert made.rows
    (source,) = (s for s in load_pipeline_file(FOLDER / f"{name}.yaml").file.steps if s.use == "load_hh_rlhf")
    assert source.settings["limit"] == 100_000


def test_the_aims_are_the_published_sizes():
    steps = {
        name: {step.id: step.settings for step in load_pipeline_file(FOLDER / f"{name}.yaml").file.steps}
        for name in PUBLISHED
    }
    assert steps["lamini"]["lamini-generate"]["target"] == 1504
    assert steps["evol-instruct"]["sample"]["rows"] == 2304
    quotas = [steps["orca"][step]["quotas"] for step in ("cot", "niv2", "flan2021", "t0")]
    assert sum(n for quota in quotas for n in quota.values()) == 5517
    orca = {"CoT": 150, "NIv2": 440, "Flan2021": 2500, "T0": 2000}
    for quota in quotas:
        for submix, rows in quota.items():
            assert rows == pytest.approx(5517 * orca[submix] / sum(orca.values()), abs=1)


OURS: dict[str, dict[str, Any]] = {
    "lamini": {
        "seed": 42,
        "lamini-generate.topic_share": 0.5,
        "lamini-generate.examples": 3,
        "lamini-generate.topics_shown": 3,
        "lamini-generate.count": 20,
        "lamini-generate.retries": 1,
        "lamini-respond.retries": 2,
        "judge-accept.rubric": "short-answers",
        "judge-falcon.rubric": "short-answers",
    },
    "evol-instruct": {
        "seed": 42,
        "pool.per_category": 120,
        "evolve.epochs": 3,
        "sample": "sample",
        "judge-accept.rubric": "evolved-instructions",
        "judge-falcon": "judge.accept",
        "judge-falcon.rubric": "evolved-instructions",
    },
    "orca": {
        "seed": 42,
        "cot.zero_shot_only": True,
        "cot.quotas.CoT": 163,
        "niv2.zero_shot_only": True,
        "niv2.per_task.NIv2": 300,
        "niv2.quotas.NIv2": 477,
        "flan2021.zero_shot_only": True,
        "flan2021.quotas.Flan2021": 2710,
        "t0.zero_shot_only": True,
        "t0.big_bench": False,
        "t0.quotas.T0": 2167,
        "orca-system_message": "orca.system_message",
        "orca-explain.retries": 2,
        "judge-falcon.rubric": "answer-quality",
        "judge-accept.rubric": "answer-quality",
    },
    "hh-rlhf-sft": {
        "seed": 42,
        "splits.validation": 0.1,
        "load_hh_rlhf": "load_hh_rlhf",
        "load_hh_rlhf.repair": False,
        "to_messages": "to_messages",
    },
    "hh-rlhf-dpo": {
        "seed": 42,
        "splits.validation": 0.1,
        "load_hh_rlhf": "load_hh_rlhf",
        "load_hh_rlhf.limit": 100_000,
        "load_hh_rlhf.repair": False,
    },
    "paper": {
        "roles.teacher.provider": "openai-completions",
        "roles.teacher.base_url": "http://localhost:8000/v1",
        "roles.teacher.sampling.max_tokens": 768,
        "roles.teacher.sampling.stop": ["<human>:"],
        "roles.teacher.limits.concurrency": 32,
        "roles.teacher.price": {"input": 0, "output": 0},
        "roles.judge.model": JUDGE,
        "roles.judge.sampling.temperature": 0,
        "roles.judge.sampling.max_tokens": 512,
        "roles.judge.limits.concurrency": 8,
        "roles.judge.price": {"input": 30.0, "output": 60.0},
        "roles.evaluator.base_url": "http://localhost:8001/v1",
        "roles.evaluator.limits.concurrency": 32,
        "roles.evaluator.price": {"input": 0, "output": 0},
    },
}
"""Every value of these files that the authors' material does not tell."""
KNOWN = {
    "lamini": {
        *("load_instructions", "load_instructions.hub", "lamini-generate", "lamini-generate.target", "lamini-respond"),
        *("judge-accept", "judge-accept.as", "judge-accept.rating"),
        *("judge-falcon", "judge-falcon.as", "judge-falcon.rating"),
    },
    "evol-instruct": {
        *("load_instructions", "load_instructions.hub", "pool", "pool.max_tokens", "pool.tokenizer", "evolve"),
        *("evolve.evaluator", "evolve.draw", "evolve.complicate_input", "evolve.comparisons", "evolve.apologies"),
        *("evolve.drop_answers", "evolve.keep_truncated", "sample.rows", "judge-accept", "judge-accept.as"),
        *("judge-accept.rating", "judge-falcon.as", "judge-falcon.rating"),
    },
    "orca": {
        *("cot", "cot.hub", "niv2", "niv2.hub", "flan2021", "flan2021.hub", "t0", "t0.hub", "orca-explain"),
        *("judge-falcon", "judge-falcon.as", "judge-falcon.rating"),
        *("judge-accept", "judge-accept.as", "judge-accept.rating"),
    },
    "hh-rlhf-sft": {"load_hh_rlhf.hub", "load_hh_rlhf.limit"},
    "hh-rlhf-dpo": {"load_hh_rlhf.hub"},
    "paper": {
        *("roles.teacher.model", "roles.teacher.extra_body.chat_template", "roles.teacher.limits.timeout"),
        *(f"roles.teacher.sampling.{name}" for name in ("temperature", "top_k", "top_p", "repetition_penalty")),
        *("roles.judge.provider", "roles.judge.base_url", "roles.evaluator.provider", "roles.evaluator.model"),
        *("roles.evaluator.sampling.temperature", "roles.evaluator.sampling.max_tokens"),
    },
}
"""What stands in `facts` of the authors' own: their data sets' names, cards and code."""
_FORM = {
    *("name", "version", "description", "card", "models", "model", "instruction", "response", "system", "reference"),
    *("dataset", "prompt", "keep", "api_key_env", "output_licence", "read"),
}
"""Keys whose values say which file, role or column is meant, or under which terms: no choice of an experiment's."""


def values_of(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of a file by name: those marked `# ours`, and the others."""
    document, lines = load_yaml(path), path.read_text().splitlines()
    ours: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name, at, value in named(document):
        marked = "# ours" in lines[(document.place(at).line or 1) - 1]
        (ours if marked else others)[name] = value
    return ours, others


def named(document: Document) -> Iterator[tuple[str, tuple[str | int, ...], Any]]:
    for i, step in enumerate(document.value.get("steps", [])):
        name = step.get("id", step["use"].replace(".", "-"))
        yield name, ("steps", i, "id" if "id" in step else "use"), step["use"]
        for at, value in leaves(step.get("with", {})):
            yield ".".join((name, *at)), ("steps", i, "with", *at), value
    for at, value in leaves({key: value for key, value in document.value.items() if key != "steps"}):
        yield ".".join(at), at, value


def leaves(value: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values of a mapping and of those within; a price is one value."""
    for key, inner in value.items():
        if key in _FORM and not (key == "model" and at):
            continue
        if isinstance(inner, dict) and key != "price":
            yield from leaves(inner, (*at, key))
        else:
            wanted = {k: v for k, v in inner.items() if k not in _FORM} if key == "price" else inner
            yield (*at, key), wanted


@pytest.mark.parametrize("name", OURS)
def test_every_value_is_known_of_the_authors_or_marked_as_ours(name: str):
    ours, others = values_of(PAPER if name == "paper" else FOLDER / f"{name}.yaml")
    assert ours == OURS[name]
    assert set(others) == KNOWN[name]


def test_what_is_ours_stands_in_the_account_of_the_reproduction():
    told = (ROOT / "REPRODUCTION.md").read_text()
    for name, values in OURS.items():
        for value in values:
            assert f"`{value.removeprefix('roles.')}`" in told, f"{name}: {value}"


def test_the_recipe_trains_on_these_cards_by_gpt4s_verdict():
    recipe = load_recipe(ROOT / "recipes" / "openbezoar.yaml")
    trained = [stage for stage in recipe.file.stages if hasattr(stage, "card")]
    built = []
    for stage in trained:
        pipeline = builder_of(recipe.resolve(stage.card))
        assert pipeline is not None, stage.card
        built.append(pipeline.loaded.file.name)
    assert built == [f"openbezoar-{name}" for name in ("lamini", "orca", "evol-instruct", "hh-rlhf-sft", "hh-rlhf-dpo")]
    assert [stage.where for stage in trained] == ['gpt4_status == "Accept"'] * 3 + [None] * 2
