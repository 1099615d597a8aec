"""The files we ship: the Orca pipeline, its seed questions, and the models files."""

from collections import Counter
from pathlib import Path

import pytest

from bezoar_data.config.files.models import load_models_file
from bezoar_data.llms.providers.base import provider_class
from bezoar_data.steps.known import find_step
from bezoar_data.steps.multiple_choice import has_options, options
from bezoar_data.steps.sources.load_flan import LoadFlan
from support.pipeline_files import load_pipeline_file

PIPELINES = Path(__file__).parents[2] / "pipelines"
SEEDS = PIPELINES / "seeds" / "flan.jsonl"


def seeds() -> list[dict]:
    return [r.columns for r in LoadFlan(name="load_flan", path=str(SEEDS)).rows()]


def test_there_are_seeds_for_every_submix_with_and_without_options() -> None:
    rows = seeds()
    assert len(rows) >= 64
    kinds = Counter((r["task_source"], r["template_type"]) for r in rows)
    assert set(kinds) == {(s, t) for s in ("CoT", "NIv2", "T0", "Flan2021") for t in ("zs_opt", "zs_noopt")}
    assert min(kinds.values()) >= 4
    assert len({r["inputs"] for r in rows}) == len(rows)
    assert all(r["targets"].strip() == r["targets"] != "" for r in rows)


def test_the_right_answer_is_among_the_options() -> None:
    listed = 0
    for row in seeds():
        found = options(row["inputs"])
        if not found:
            continue
        listed += 1
        letters = [f"({chr(ord('A') + i)})" for i in range(len(found))]
        assert row["targets"] in (*found, *letters), row["inputs"]
        assert row["template_type"] == "zs_opt"
    assert listed >= 20


def test_questions_without_options_do_not_look_as_if_they_had_any() -> None:
    assert not [r["inputs"] for r in seeds() if r["template_type"] == "zs_noopt" and has_options(r["inputs"])]


def test_the_readme_of_the_seeds_tells_their_number_and_licence() -> None:
    readme = (SEEDS.parent / "README.md").read_text()
    assert f"{len(seeds())} questions" in readme
    assert "CC0-1.0" in readme


def test_the_orca_pipeline_is_right_by_the_catalogue() -> None:
    file = load_pipeline_file(PIPELINES / "orca.yaml").file
    before: set[str] = set()
    for step in file.steps:
        entry = find_step(step.use)
        assert entry.check_settings(step.settings) == []
        reads, writes = entry.columns(step.settings)
        assert set(reads) <= before, step.use
        before |= set(writes)
    published = "original_index inputs targets task_source task_name template_type system_message explained_targets"
    judged = {"dataset_source", "judge_status", "judge_rating", "judge_reason"}
    assert before == set(published.split()) | judged


@pytest.mark.parametrize("path", sorted((PIPELINES / "models").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_models_file_is_valid_and_answers_for_the_orca_roles(path: Path) -> None:
    file = load_models_file(path).file
    assert {"teacher", "judge"} <= set(file.roles)
    for written in file.roles.values():
        model = provider_class(written.provider).as_asked(written)
        if model.base_url is not None or model.api_key_env is not None:
            assert model.sampling.max_tokens, "a budget needs max_tokens"
        assert model.output_licence.id != "unknown"


def test_all_seven_models_files_are_there() -> None:
    names = {p.stem for p in (PIPELINES / "models").glob("*.yaml")}
    assert names >= {"offline", "paper", "openai", "anthropic", "ollama", "vllm", "transformers"}
