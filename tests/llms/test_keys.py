"""Where a key may go: to a provider's own host, to this machine, and where a person said so."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.allowed_keys import allowed_file, recipient_of, remember
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import Model
from bezoar_data.llms.keys import may_go
from bezoar_data.llms.providers.base import provider_class
from support.command import BEZOAR, bezoar
from support.projects import Project

KEY = "planted-key-0123456789abcdef"
ELSEWHERE = "https://models.invalid/v1"


@pytest.fixture(autouse=True)
def own_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("MY_API_KEY", "OPENAI_API_KEY", "HF_TOKEN"):
        monkeypatch.setenv(name, KEY)


@pytest.mark.parametrize(
    ("variable", "address", "allowed"),
    [
        ("OPENAI_API_KEY", "https://api.openai.com/v1", True),
        ("OPENAI_API_KEY", "https://API.OpenAI.com.:443/v1", True),
        ("OPENAI_API_KEY", "http://api.openai.com/v1", False),
        ("OPENAI_API_KEY", "https://api.openai.com.evil.example/v1", False),
        ("OPENAI_API_KEY", "https://evil.example/api.openai.com", False),
        ("OPENAI_API_KEY", "https://api.anthropic.com/v1", False),
        ("ANTHROPIC_API_KEY", "https://api.anthropic.com", True),
        ("GROQ_API_KEY", "https://api.groq.com/openai/v1", True),
        ("HF_TOKEN", "https://router.huggingface.co/v1", True),
        ("HF_TOKEN", "https://abc.us-east-1.aws.endpoints.huggingface.cloud", False),
        ("MY_API_KEY", "http://localhost:8000/v1", True),
        ("MY_API_KEY", "http://127.0.0.1:8000/v1", True),
        ("MY_API_KEY", "http://[::1]:8000/v1", True),
        ("MY_API_KEY", "http://localhost.evil.example/v1", False),
        ("MY_API_KEY", "http://10.0.0.5:8000/v1", False),
        ("MY_API_KEY", "https://10.0.0.5/v1", False),
        ("MY_API_KEY", "https://api.openai.com/v1", False),
    ],
)
def test_which_pairs_need_no_asking(variable: str, address: str, allowed: bool) -> None:
    assert may_go(variable, recipient_of(address)) is allowed


CASES: list[tuple[str, dict[str, Any], str]] = [
    ("openai", {"base_url": ELSEWHERE}, "models.invalid"),
    ("openai", {"base_url": "http://10.0.0.5:8000/v1"}, "http://10.0.0.5"),
    ("openai", {}, "api.openai.com"),
    ("openai-completions", {"base_url": ELSEWHERE}, "models.invalid"),
    ("anthropic", {"api_key_env": "OPENAI_API_KEY"}, "api.anthropic.com"),
    ("llamacpp", {"model": "owner/repo:weights.gguf"}, "huggingface.co"),
    ("transformers", {"model": "owner/repo", "api_key_env": "OPENAI_API_KEY"}, "huggingface.co"),
    ("litellm", {"model": "openai/m", "base_url": ELSEWHERE}, "models.invalid"),
    ("litellm", {"model": "huggingface/https://models.invalid"}, "models.invalid"),
    ("litellm", {"model": "gemini/m", "api_key_env": "OPENAI_API_KEY"}, "litellm:gemini"),
    ("distilabel:OpenAILLM", {"base_url": ELSEWHERE}, "models.invalid"),
    ("distilabel:OpenAILLM", {"extra_body": {"base_url": ELSEWHERE}}, "models.invalid"),
    ("distilabel:OpenAILLM", {"extra_body": {"base_url": ELSEWHERE}, "api_key_env": None}, "models.invalid"),
    ("distilabel:GroqLLM", {"api_key_env": "OPENAI_API_KEY"}, "distilabel:GroqLLM"),
]


@pytest.mark.parametrize(("provider", "values", "recipient"), CASES)
async def test_every_provider_asks_before_a_key_leaves(provider: str, values: dict[str, Any], recipient: str) -> None:
    entry = {"provider": provider, "model": "m", "api_key_env": "MY_API_KEY", **values}
    model = Model.model_validate({k: v for k, v in entry.items() if v is not None})
    variable = model.api_key_env or "OPENAI_API_KEY"

    def found() -> list[str]:
        return [p.hint for p in provider_class(provider)(model).problems() if p.code.startswith("key-")]

    (hint,) = found()
    assert hint.endswith(f"bezoar-data models allow {variable} {recipient}")
    remember(variable, recipient)
    assert found() == []


@pytest.mark.parametrize(
    ("model", "variable"), [("gemini/m", "GEMINI_API_KEY"), ("together_ai/m", "TOGETHER_API_KEY"), ("groq/m", None)]
)
def test_litellms_own_variables_need_no_asking(
    model: str, variable: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(str(variable), KEY)
    entry = {"provider": "litellm", "model": model, **({"api_key_env": variable} if variable else {})}
    found = provider_class("litellm")(Model.model_validate(entry)).problems()
    assert [p for p in found if p.code != "provider-not-installed"] == []


@pytest.mark.parametrize(
    "body",
    [
        {"aws_bedrock_runtime_endpoint": ELSEWHERE},
        {"aws_web_identity_token_file": "/etc/passwd"},
        {"custom_llm_provider": "openai"},
        {"ssl_verify": False},
        {"organization": "os.environ/OPENAI_API_KEY"},
    ],
)
def test_arguments_for_litellm_steer_nothing_elsewhere(body: dict[str, Any]) -> None:
    model = Model.model_validate({"provider": "litellm", "model": "gemini/m", "extra_body": body})
    codes = [p.code for p in provider_class("litellm")(model).problems()]
    assert [code for code in codes if code != "provider-not-installed"] == ["extra-body-taken"]


async def test_a_key_is_not_read_for_a_host_that_nobody_allowed() -> None:
    """Also where nobody looked at the problems first."""
    fields = {"provider": "openai", "model": "m", "base_url": ELSEWHERE, "api_key_env": "MY_API_KEY"}
    provider = provider_class("openai")(Model.model_validate(fields))
    with pytest.raises(InputError, match="nobody has allowed"):
        await provider.open()


def test_the_command_line_refuses_tells_and_remembers(project: Project) -> None:
    project.rows(1)
    project.pipeline()
    project.models(ELSEWHERE, api_key_env="MY_API_KEY", limits={"max_outage": 0})
    refused = project.run("--json")
    (problem,) = refused.json["problems"]
    assert (refused.code, problem["code"]) == (2, "key-not-allowed")
    assert problem["file"] == "models.yaml"
    assert problem["hint"].endswith("bezoar-data models allow MY_API_KEY models.invalid")
    assert not (project.folder / "runs").exists()
    warned = project.bezoar("validate", "pipeline.yaml")
    assert warned.code == 0
    assert "nobody has allowed" in warned.out + warned.err
    assert bezoar("models", "allow", "MY_API_KEY", ELSEWHERE).code == 0
    assert bezoar("models", "allow").out == "MY_API_KEY models.invalid\n"
    assert "nobody has allowed" not in project.bezoar("validate", "pipeline.yaml").out
    assert bezoar("models", "allow", "MY_API_KEY", "Models.Invalid:443", "--forget").code == 0
    assert bezoar("models", "allow").out == "nothing yet\n"
    assert bezoar("models", "allow", "PATH", "models.invalid").code == 2
    assert bezoar("models", "allow", "MY_API_KEY").code == 2


def at_a_terminal(folder: Path, *arguments: str, answer: str) -> tuple[int, str]:
    """A command whose input and output are a terminal, where a person answers."""
    ours, theirs = pty.openpty()
    run = subprocess.Popen([*BEZOAR, *arguments], cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    said = b""
    try:
        while piece := os.read(ours, 4096):
            said += piece
    except OSError:  # the other side has closed
        pass
    finally:
        os.close(ours)
    return run.wait(), said.decode()


def test_a_person_is_asked_once(project: Project) -> None:
    project.rows(1)
    project.pipeline()
    project.models(ELSEWHERE, api_key_env="MY_API_KEY")
    code, said = at_a_terminal(project.folder, "run", "pipeline.yaml", answer="n")
    assert (code, said.count("Allow it from now on?")) == (2, 1), said
    assert "bezoar-data models allow MY_API_KEY models.invalid" in said
    assert not allowed_file().exists()
    code, said = at_a_terminal(project.folder, "models", "check", "models.yaml", answer="y")
    assert said.count("Allow it from now on?") == 1, said
    assert "Cannot connect to host models.invalid" in said
    assert allowed_file().read_text() == "MY_API_KEY models.invalid\n"
    _, said = at_a_terminal(project.folder, "models", "check", "models.yaml", answer="n")
    assert "Allow it" not in said
