"""A key planted wherever a provider, a file or a step may put it: it stands nowhere afterwards, or is not published."""

from __future__ import annotations

import base64
import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web

from bezoar_data.cards.hub.secrets import texts_of
from bezoar_data.llms.redact import encodings
from support.batch_server import KEY as BATCH_KEY
from support.batch_server import BatchServer
from support.hub_server import TOKEN, hub_server
from support.pages import packed_texts
from support.projects import JUDGED, STEPS, Project
from support.quirk_server import QuirkServer
from support.quirks.base import USAGE, VERDICT, Made, chat, failed, text_for

KEY = "pl4nted/Key+0123456789~abcdefGHIJ"
VARIABLE = "LEAK_API_KEY"
SPELLED: dict[str, Callable[[str], str]] = {
    "raw": str,
    "json": lambda key: json.dumps({"said": {"key": key}}).replace("/", "\\/"),
    "url": lambda key: f"https://models.invalid/?key={quote(key, safe='')}",
    "base64": lambda key: base64.b64encode(f"user:{key}!".encode()).decode(),
}


def header(body: dict[str, Any]) -> web.Response:
    made = {name: value for name, value in chat(text_for(body)).items() if name != "id"}
    return web.Response(
        text=json.dumps(made), content_type="application/json", headers={"x-request-id": KEY, "Server": KEY}
    )


def error(status: int, spelling: str) -> Callable[[dict[str, Any]], Made]:
    said = f"wrong key: {SPELLED[spelling](KEY)}"
    if spelling == "raw":
        return lambda body: web.Response(status=status, text=f"{'x' * 580} {said}")
    return lambda body: failed(status, {"error": {"message": said, "code": KEY, "param": KEY}}, **{"Retry-After": "0"})


PLACES: dict[str, Callable[[dict[str, Any]], Made]] = {
    "answer": lambda body: chat(f"{text_for(body)} The key is {KEY}."),
    "spelled": lambda body: chat(f"{text_for(body)} {' '.join(spell(KEY) for spell in SPELLED.values())}"),
    "reasoning": lambda body: chat(text_for(body), reasoning_content=f"I was given {KEY}."),
    "thinking": lambda body: chat(f"<think>I was given {KEY}.</think>{text_for(body)}"),
    "finish": lambda body: chat(text_for(body), finish=KEY),
    "broken": lambda body: chat(text_for(body), finish=f"error {KEY}"),
    "model": lambda body: {**chat(text_for(body)), "model": KEY, "system_fingerprint": KEY},
    "id": lambda body: {**chat(text_for(body)), "id": KEY},
    "logprobs": lambda body: {**chat(text_for(body)), "choices": [{**chat("a")["choices"][0], "logprobs": {"t": KEY}}]},
    "refusal": lambda body: chat(None, refusal=f"I cannot use {KEY}."),
    "usage": lambda body: chat(text_for(body), usage={**USAGE, "note": KEY}),
    "header": header,
    **{f"e400{spelling}": error(400, spelling) for spelling in SPELLED},
}
ONCE = {f"e429{spelling}": error(429, spelling) for spelling in SPELLED}
"""Asked again afterwards."""


def leaks(body: dict[str, Any], nth: int) -> Made:
    prompt = json.dumps(body["messages"])
    if "JSON" in prompt:
        return chat(json.dumps({**json.loads(VERDICT), "reason": f"It adds the parts and says {KEY} in plain words."}))
    place = prompt.partition("[[")[2].partition("]]")[0]
    if place in ONCE and place not in ASKED:
        ASKED.add(place)
        return ONCE[place](body)
    return PLACES.get(place, lambda body: chat(text_for(body)))(body)


ASKED: set[str] = set()


def traces(folder: Path, key: str = KEY) -> list[str]:
    """Where a key stands in the files of a folder, in any of its spellings: in their bytes, in what they hold packed,
    and in their names."""
    forms = encodings(key)
    found = []
    for path in folder.rglob("*"):
        if not path.is_file():
            continue
        texts = [str(path.relative_to(folder)), path.read_bytes().decode("latin-1")]
        if ".sqlite" in path.name:
            texts += packed(path)
        elif path.suffix == ".html":
            texts += packed_texts(path)
        elif path.suffix in (".parquet", ".json", ".yaml", ".md", ".jsonl"):
            texts += [text for _, text in texts_of(path.name, path)]
        found += [str(path.relative_to(folder)) for text in texts if any(form in text for form in forms)]
    return sorted(set(found))


def packed(journal: Path) -> Iterator[str]:
    with closing(sqlite3.connect(journal)) as opened:
        tables = [name for (name,) in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in opened.execute(f"SELECT * FROM {table}"):  # noqa: S608
                for value in row:
                    if isinstance(value, bytes):
                        try:
                            yield zlib.decompress(value).decode()
                        except (zlib.error, UnicodeDecodeError):
                            continue


@pytest.fixture
def asked(project: Project, quirks: QuirkServer) -> Project:
    quirks.quirks["leaks"] = leaks
    ASKED.clear()
    project.models(quirks.url("leaks"), api_key_env=VARIABLE, limits={"max_outage": 5})
    return project


def test_what_a_provider_says_of_a_key_stands_nowhere(asked: Project) -> None:
    places = [*PLACES, *ONCE]
    asked.rows(len(places), mark={i: f"[[{place}]]" for i, place in enumerate(places)})
    asked.pipeline(JUDGED, tolerate=1.0)
    done = asked.run("--json", env={VARIABLE: KEY})
    assert done.code == 0, done.err
    assert set(ONCE) == ASKED
    lost = {row["detail"].partition(":")[0] for row in asked.dropped()}
    assert len(asked.kept()) >= len(places) - 8, lost
    exported = asked.bezoar("journal", "export", "--to", "runs/answers.jsonl", env={VARIABLE: KEY})
    assert exported.code == 0, exported.err
    assert "[redacted]" in (asked.folder / "runs" / "answers.jsonl").read_text()
    assert traces(asked.folder) == []
    shown = asked.bezoar("status", "runs/test", env={VARIABLE: KEY})
    assert not any(form in text for form in encodings(KEY) for text in (done.out, done.err, shown.out, shown.err))


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("spelling", SPELLED)
def test_an_error_that_ends_a_command_shows_no_key(
    project: Project, quirks: QuirkServer, status: int, spelling: str
) -> None:
    quirks.quirks["refuses"] = lambda body, nth: error(status, spelling)(body)
    project.models(quirks.url("refuses"), api_key_env=VARIABLE)
    done = project.bezoar("models", "check", "models.yaml", env={VARIABLE: KEY})
    assert done.code == 2
    assert "wrong key: " in done.out
    assert not any(form in done.out + done.err for form in encodings(KEY))


@pytest.mark.parametrize("spelling", SPELLED)
def test_what_the_hub_says_of_a_key_is_not_shown(project: Project, tmp_path: Path, spelling: str) -> None:
    with hub_server() as hub, hub.in_this_process(tmp_path / "hf"):
        hub.says = f"wrong key: {SPELLED[spelling](TOKEN)}"
        hub.faults["/api/datasets/"] = [403, 9]
        done = project.bezoar("pull", "tester/rows")
    assert done.code == 2
    assert "[redacted]" in done.err or "[hidden]" in done.err
    assert not any(form in done.out + done.err for form in encodings(TOKEN))


def test_a_key_in_a_batchs_results_stands_nowhere(project: Project) -> None:
    with BatchServer() as server:
        rows = [{"instruction": f"[[400]] {BATCH_KEY}"}, {"instruction": "What is an owl?"}]
        (project.folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        project.pipeline(
            "  - use: load_instructions\n    with: {path: rows.jsonl}\n"
            "  - use: lamini.respond\n    with: {model: teacher, system: ''}\n",
            tolerate=1.0,
        )
        project.models(server.url, mode="batch", api_key_env=VARIABLE, batch={"gather": 0.1, "poll": 0.2})
        done = project.run(env={VARIABLE: BATCH_KEY})
    assert done.code == 0, done.err
    (row,) = project.dropped()
    assert "[redacted]" in row["detail"]
    assert not any("journal" in place for place in traces(project.folder / "runs", BATCH_KEY))


STEP = '''
"""A step that says what it finds."""

import os

from bezoar_data.steps.base import RowStep
from bezoar_data.steps.verdicts import Kept


class Echo(RowStep):
    """Write the environment down."""

    def run_row(self, row):
        return Kept({"seen": os.environ["ECHO_API_KEY"]})
        yield
'''
FILES = ("SOURCE", "CARD", "SYSTEM", "ECHO")


def test_a_key_in_a_file_of_the_project_is_not_published(project: Project, quirks: QuirkServer) -> None:
    keys = {f"{name}_API_KEY": f"pl4nted-{name.lower()}-0123456789abcdef" for name in FILES}
    told = {name.removesuffix("_API_KEY"): key for name, key in keys.items()}
    project.rows(2, mark={1: told["SOURCE"]})
    (project.folder / "my_steps.py").write_text(STEP)
    (project.folder / "card.md").write_text(
        f"---\nlicense: mit\n---\n\nAsk with {told['CARD']}.\n\n{{{{ sections.licence }}}}\n"
    )
    messages = [{"id": 1, "purpose": "to be brief", "text": f"Be brief. {told['SYSTEM']}"}]
    assignment = {name: {"messages": [1]} for name in ("CoT", "NIv2", "T0", "Flan2021")}
    (project.folder / "messages.yaml").write_text(
        json.dumps({"version": 1, "messages": messages, "assignment": assignment})
    )
    project.models(quirks.url("good"))
    project.pipeline(
        "  - use: load_flan\n    with: {path: rows.jsonl}\n"
        "  - use: orca.system_message\n    with: {messages: messages.yaml}\n"
        "  - use: orca.explain\n    with: {model: teacher}\n  - use: my_steps:Echo\n",
        card="card.md",
        tolerate=1.0,
    )
    done = project.run("--json", env=keys)
    assert done.code == 0, done.err
    refused = project.bezoar("publish", "runs/test", "--to", "me/x", "--dry-run", "--json", env=keys)
    assert refused.code == 4, refused.err
    said = refused.out
    for name, key in told.items():
        assert key not in done.out + done.err + refused.out + refused.err, name
        journalled = [place for place in traces(project.folder / "runs", key) if "journal" in place]
        assert journalled == [], name
        assert f"{name}_API_KEY" in said or traces(project.folder / "runs" / "test" / "dataset", key) == [], name


def test_a_key_in_a_pipeline_or_models_file_ends_the_command(project: Project) -> None:
    project.rows(1)
    body = {"chat_template": f"{{{{ messages[-1].content }}}}{{# {KEY} #}}"}
    project.models("http://localhost:1/v1", provider="openai-completions", extra_body=body, extra_headers={"X-A": KEY})
    project.pipeline(STEPS.replace("rows.jsonl", f"{KEY}.jsonl"), description=f"Made with {KEY}.")
    done = project.run("--json", env={VARIABLE: KEY})
    assert done.code == 2
    told = Counter(p["file"] for p in done.json["problems"] if p["code"] == "key-in-file")
    assert told == {"pipeline.yaml": 2, "models.yaml": 4}
    assert not any(form in done.out + done.err for form in encodings(KEY))
    assert not (project.folder / "runs").exists()
