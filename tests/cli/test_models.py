"""Models named in one word, and `bezoar-data models`: who answers, whether they do, what it costs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bezoar_data.config.files.models import Model, load_models_file
from bezoar_data.config.files.named_model import services
from bezoar_data.llms.providers.base import known_providers
from support.command import bezoar
from support.fault_server import FaultServer
from support.projects import JUDGED, STEPS, Project
from support.quirk_server import QuirkServer
from support.quirks.answers import THINKING_WORDS

MODELS = Path(__file__).parents[2] / "pipelines" / "models"


def entry(word: str, role: str = "teacher") -> Model:
    return load_models_file(None, known_providers(), {role: word}).file.roles[role]


def test_a_word_stands_for_an_entry_of_a_models_file() -> None:
    gpt = entry("openai:gpt-4o", "judge")
    assert (gpt.provider, gpt.model, gpt.api_key_env) == ("openai", "gpt-4o", "OPENAI_API_KEY")
    assert gpt.price is not None
    assert gpt.output_licence.id == "LicenseRef-OpenAI-terms"
    assert (gpt.sampling.temperature, gpt.sampling.max_tokens) == (0, 512)
    ollama = entry("ollama:qwen2.5:7b")
    assert (ollama.provider, ollama.model, ollama.base_url) == ("openai", "qwen2.5:7b", "http://localhost:11434/v1")
    assert (ollama.api_key_env, ollama.price, ollama.output_licence.id) == (None, None, "unknown")
    assert entry("litellm:gemini/gemini-2.5-flash").model == "gemini/gemini-2.5-flash"
    assert entry("distilabel:OpenAILLM:gpt-4o").provider == "distilabel:OpenAILLM"


def test_another_address_gets_no_key_and_has_neither_price_nor_terms() -> None:
    elsewhere = entry("openai:gpt-4o@http://localhost:8000/v1")
    assert (elsewhere.base_url, elsewhere.api_key_env) == ("http://localhost:8000/v1", None)
    assert (elsewhere.price, elsewhere.output_licence.id) == (None, "unknown")
    assert entry("openai:gpt-4o@https://api.openai.com/v1/").api_key_env == "OPENAI_API_KEY"


def test_the_shipped_models_files_say_what_the_table_of_services_says() -> None:
    for name in ("openai", "anthropic"):
        service = services()[name]
        for role, model in load_models_file(MODELS / f"{name}.yaml").file.roles.items():
            assert model.output_licence.id == service["output_licence"]["id"]
            named = entry(f"{name}:{model.model}", role)
            assert (model.price, model.api_key_env) == (named.price, named.api_key_env), (name, role)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--judge", "opnai:gpt-4o"), "'opnai' is neither a service nor a provider\n  hint: did you mean 'openai'?"),
        (("--teacher", "openai"), "'openai' needs a model\n  hint: write openai:MODEL"),
        (("--judge", "openai:m@http://"), "is not an address"),
    ],
)
def test_a_word_that_cannot_be_read_is_told_with_its_remedy(
    project: Project, words: tuple[str, ...], said: str
) -> None:
    project.rows(1)
    project.pipeline(JUDGED)
    project.models("http://127.0.0.1:9/v1")
    done = project.run(*words)
    assert done.code == 2
    assert said in done.err
    assert not (project.folder / "runs").exists()


def test_a_judge_that_nobody_asks_is_a_mistake(project: Project) -> None:
    project.rows(1)
    project.pipeline(STEPS)
    project.models("http://127.0.0.1:9/v1")
    done = project.run("--judge", "openai:gpt-4o")
    assert done.code == 2
    assert "no step of this pipeline asks the role 'judge'" in done.err
    assert "its steps ask: teacher" in done.err


def test_one_word_makes_another_model_the_judge(project: Project, server: FaultServer) -> None:
    """Without a models file, too: two words are one."""
    project.rows(2)
    pipeline = project.pipeline(JUDGED)
    pipeline.write_text(pipeline.read_text().replace("models: models.yaml\n", ""))
    words = ("--teacher", f"openai:tester@{server.url}", "--judge", f"openai:gpt-4o@{server.url}")
    planned = project.bezoar("plan", "pipeline.yaml", "--json", *words)
    assert planned.code == 0, planned.err
    done = project.run("--json", "--limit", "2", "--out", "runs/test", *words)
    assert done.code == 0, done.err
    lock = json.loads((project.folder / "runs/test/dataset/lock.json").read_text())
    assert {model["role"]: model["model"] for model in lock["models"]} == {"teacher": "tester", "judge": "gpt-4o"}
    assert "gpt-4o" in (project.folder / "runs/test/dataset/README.md").read_text()
    assert lock["judges"]


def test_an_old_price_is_told_where_it_is_used(project: Project, server: FaultServer) -> None:
    project.rows(1)
    project.pipeline(STEPS)
    today = datetime.now(UTC).date()
    for days, told in ((10, False), (400, True)):
        price = {"input": 1, "output": 2, "read": str(today - timedelta(days=days))}
        project.models(server.url, price=price)
        for command in ("plan", "run"):
            done = project.bezoar(command, "pipeline.yaml")
            assert done.code == 0, done.err
            assert ("days ago" in done.out + done.err) is told


@pytest.mark.server(serves="qwen2.5:7b")
def test_a_check_asks_each_model_once_and_shows_what_the_server_has(project: Project, server: FaultServer) -> None:
    good = project.bezoar("models", "check", "--teacher", f"ollama:qwen2.5:7b@{server.url}", "--json")
    assert good.code == 0, good.err
    # The role that follows the teacher is asked too.
    assert [m["role"] for m in good.json["models"]] == ["teacher", "evaluator"]
    assert server.stats()["requests"] == 2
    bad = project.bezoar("models", "check", "--judge", f"ollama:qwen2.5-7b@{server.url}")
    assert bad.code == 2
    assert "did you mean 'qwen2.5:7b'?" in bad.out
    assert "its server has: qwen2.5:7b" in bad.out
    assert "terms of its answers: terms unknown" in bad.out
    assert not (project.folder / "runs").exists()


def test_a_check_reads_an_answer_as_a_run_does(project: Project, quirks: QuirkServer) -> None:
    good = project.bezoar("models", "check", "--teacher", f"openai:m@{quirks.url('thinks_think')}")
    assert good.code == 0, good.err
    assert not any(word in good.out for word in THINKING_WORDS)
    bad = project.bezoar("models", "check", "--teacher", f"openai:m@{quirks.url('unclosed_length')}")
    assert bad.code == 2
    assert "the model thought and gave no answer (its thinking never ended" in bad.out + bad.err
    assert "a larger sampling.max_tokens, or thinking turned off" in bad.out + bad.err


def test_a_check_of_a_pipeline_asks_the_roles_of_its_steps(project: Project, server: FaultServer) -> None:
    project.rows(1)
    pipeline = project.pipeline(JUDGED)
    project.models(server.url)
    done = bezoar("models", "check", pipeline)
    assert done.code == 0, done.err
    assert done.out.count("answered") == 2
    nothing = bezoar("models", "check")
    assert nothing.code == 2
    assert "hint: bezoar-data models check FILE" in nothing.err


def test_the_list_names_price_and_terms_of_every_shipped_model(tmp_path: Path) -> None:
    done = bezoar("models", "list", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "$0.15 in, $0.6 out (read 2026-05-27)" in done.out
    assert "LicenseRef-OpenAI-terms, commercial use unknown" in done.out
    assert "ollama" in done.out.splitlines()[-2]
    one = bezoar("models", "list", MODELS / "openai.yaml", "--json", cwd=tmp_path)
    assert [m["role"] for m in one.json["files"][str(MODELS / "openai.yaml")]] == ["teacher", "judge", "evaluator"]


def test_rules_are_free_and_not_asked_anything(project: Project) -> None:
    checked = project.bezoar("models", "check", "--judge", "checks:checks")
    assert (checked.code, checked.err) == (0, "")
    assert "rules, no model" in checked.out
    assert "price: free" in checked.out
    assert "commercial use allowed" in checked.out
