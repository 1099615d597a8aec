"""Models files: what they become, what is wrong with them, and that no key in one is ever shown."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.files.models import load_models_file
from bezoar_data.config.problems import Problem
from bezoar_data.config.render import render_problems

PROVIDERS = ("openai", "anthropic", "placeholder", "distilabel")

GOOD = """\
version: 1
description: GPT judge, local teacher
roles:
  teacher:
    provider: openai
    model: org/generator
    revision: abc123
    base_url: http://localhost:8000/v1
    sampling: {temperature: 0.7, max_tokens: 512, stop: ["###"]}
    limits: {concurrency: 64}
    fallbacks:
      - {provider: placeholder, model: stand-in}
  judge:
    provider: distilabel:OpenAILLM
    model: judge-1
    api_key_env: OPENAI_API_KEY
    price: {input: 2.5, output: 10, read: 2026-01-31}
    output_licence: {id: provider-terms, commercial: unknown, url: https://example.org/terms}
"""

SECRET = "sk-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA"

MODEL = "version: 1\nroles:\n  teacher:\n    provider: openai\n    model: m\n"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "models.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(tmp_path: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        load_models_file(write(tmp_path, text), PROVIDERS)
    return caught.value.problems


def codes(found: tuple[Problem, ...]) -> list[tuple[str, int | None, int | None]]:
    return [(p.code, p.place.line, p.place.column) for p in found if p.place]


def test_a_models_file_becomes_values(tmp_path: Path) -> None:
    loaded = load_models_file(write(tmp_path, GOOD), PROVIDERS)
    teacher, judge = loaded.file.roles["teacher"], loaded.file.roles["judge"]
    assert teacher.sampling.stop == ("###",)
    assert teacher.limits.concurrency == 64
    assert teacher.fallbacks[0].model == "stand-in"
    assert judge.price is not None
    assert judge.price.read == date(2026, 1, 31)
    assert judge.api_key_env == "OPENAI_API_KEY"
    assert loaded.document.place(("roles", "judge", "model")).line == 15


@pytest.mark.parametrize(
    ("added", "code", "line", "column"),
    [
        ("    provder: x\n", "unknown-key", 6, 5),
        ("    api_key_env: openai\n", "bad-value", 6, 18),
        ("    api_key_env: PATH\n", "bad-value", 6, 18),
        ("    api_key_env: 7\n", "wrong-type", 6, 18),
        ("    price: {input: 1, output: 2}\n", "missing-key", 6, 5),
        ("    price: {input: 1, output: 2, read: yesterday}\n", "bad-value", 6, 40),
        ("    price: {input: 1, output: 2, read: 2026-02-30}\n", "bad-value", 6, 40),
        ("    price: {input: -1, output: 2, read: 2026-01-30}\n", "bad-value", 6, 20),
        ("    base_url: localhost:8000\n", "bad-url", 6, 15),
        ("    base_url: ftp://host/v1\n", "bad-url", 6, 15),
        ("    base_url: http://\n", "bad-url", 6, 15),
        ("    base_url: http://[::1\n", "bad-url", 6, 15),
        ("    base_url: http://host:99999/v1\n", "bad-url", 6, 15),
        ("    base_url: http://me:word@host/v1\n", "bad-url", 6, 15),
        ("    base_url: http://host/v1?key=1\n", "bad-url", 6, 15),
        ("    base_url: 8000\n", "wrong-type", 6, 15),
        ("    sampling: {temperature: 3}\n", "bad-value", 6, 29),
        ("    sampling: {temprature: 1}\n", "unknown-key", 6, 16),
        ("    sampling: {stop: '###'}\n", "wrong-type", 6, 22),
        ("    limits: {concurrency: 0}\n", "bad-value", 6, 27),
        ("    limits: {timeout: .inf}\n", "bad-number", 6, 23),
        ("    output_licence: {id: mit, commercial: perhaps}\n", "bad-value", 6, 43),
        ("    extra_headers: {X-Team: 3}\n", "wrong-type", 6, 29),
        ("    extra_headers: {x-api-key: abc}\n", "key-in-file", 6, 32),
        ("    extra_headers: {Host: a.example}\n", "bad-header", 6, 27),
        ("    extra_headers: {content-length: '5'}\n", "bad-header", 6, 37),
        ("    extra_headers: {Transfer-Encoding: chunked}\n", "bad-header", 6, 40),
        ('    extra_headers: {X-A: "1\\r\\nHost: b"}\n', "bad-header", 6, 26),
        ('    extra_headers: {"X-A: 1\\r\\nX-B": "2"}\n', "bad-header", 6, 38),
        ('    extra_headers: {"X A": "2"}\n', "bad-header", 6, 28),
        (f"    extra_body: {{a: [{{b: '{SECRET}'}}]}}\n", "key-in-file", 6, 26),
        (f"    extra_headers: {{X-A: 'Bearer {SECRET}'}}\n", "key-in-file", 6, 26),
        ("    fallbacks: [{provider: opnai, model: m}]\n", "unknown-provider", 6, 28),
        ("    fallbacks: [{provider: openai}]\n", "missing-key", 6, 17),
        ("  teacher: {provider: openai, model: m}\n", "duplicate-key", 6, 3),
        ("  my judge: {provider: openai, model: m}\n", "bad-value", 6, 3),
        ("  judge: {provider: 'distilabel:', model: m}\n", "unknown-provider", 6, 21),
        ("  judge: offline\n", "wrong-type", 6, 10),
    ],
)
def test_each_mistake_at_its_place(tmp_path: Path, added: str, code: str, line: int, column: int) -> None:
    assert codes(problems(tmp_path, MODEL + added)) == [(code, line, column)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("version: 1\n", [("missing-key", 1, 1)]),
        ("version: 1\nroles: {}\n", [("bad-value", 2, 8)]),
        ("version: 1\nroles: [teacher]\n", [("wrong-type", 2, 8)]),
        ("version: 1\nroles: {a: {provider: opnai, model: m}}\n", [("unknown-provider", 2, 23)]),
        ("- a\n", [("wrong-type", 1, 1)]),
    ],
)
def test_mistakes_of_the_file_as_a_whole(
    tmp_path: Path, text: str, expected: list[tuple[str, int | None, int | None]]
) -> None:
    assert codes(problems(tmp_path, text)) == expected


def test_all_mistakes_of_a_file_come_together(tmp_path: Path) -> None:
    text = (
        "version: 3\nroles:\n"
        "  teacher: {provider: opnai, model: m, base_url: host, price: {input: 1, output: x}}\n"
        "  judge:\n    provider: openai\n    modle: m\n    sampling: {top_p: 0}\n"
    )
    assert sorted(codes(problems(tmp_path, text))) == [
        ("bad-url", 3, 50),
        ("bad-value", 1, 10),
        ("bad-value", 7, 23),
        ("missing-key", 3, 56),
        ("missing-key", 4, 3),
        ("unknown-key", 6, 5),
        ("unknown-provider", 3, 23),
        ("wrong-type", 3, 82),
    ]


@pytest.mark.parametrize(
    "added",
    [
        f"    api_key_env: {SECRET}\n",
        f"    api_key: {SECRET}\n",
        f"    token: {{value: {SECRET}}}\n",
        f"    revision: {SECRET}\n",
        f"    base_url: https://user:{SECRET}@host/v1\n",
        f"    base_url: {SECRET}\n",
        f"    extra_headers: {{Authorization: Bearer {SECRET}}}\n",
        f"    {SECRET}: 1\n",
        f"    api_key_env: [{SECRET}]\n",
        f"    api_key_env: !!str {SECRET}\n",
        f"    limits: {{concurrency: {SECRET}}}\n",
        f"    output_licence: {{id: a, commercial: {SECRET}}}\n",
        f"    price: {{input: 1, output: 1, read: {SECRET}}}\n",
        f"    extra_body: {{a: *{SECRET}}}\n",
        f"    provider: {SECRET}\n",
        f"    api_key_env: '{SECRET}\n",
        "    api_key_env: plainSecretWithoutAnyShape99\n",
        "    api_key: plainSecretWithoutAnyShape99\n",
        "    api_key_env: {a: plainSecretWithoutAnyShape99}\n",
        "    extra_headers: {X-Api-Key: plainSecretWithoutAnyShape99}\n",
        "    base_url: https://user:plainSecretWithoutAnyShape99@host/v1\n",
    ],
)
def test_a_key_in_the_file_is_refused_and_never_shown(tmp_path: Path, added: str) -> None:
    found = problems(tmp_path, MODEL + added)
    for secret in (SECRET, "plainSecretWithoutAnyShape99"):
        assert secret not in render_problems(found)
        assert secret not in "".join(str(p.as_json()) for p in found)
        assert secret not in str(InputError(found))


def test_providers_are_not_checked_when_none_are_named(tmp_path: Path) -> None:
    text = MODEL.replace("openai", "anything")
    assert load_models_file(write(tmp_path, text)).file.roles["teacher"].provider == "anything"
