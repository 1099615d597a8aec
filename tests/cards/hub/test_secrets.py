"""Keys are found in every file that is sent, in every spelling in which others would read them."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bezoar_data.cards.hub.secrets import KeySearch, keys_of_environment

OURS = "p/4ss+w0rd=of~mine!"
SHAPED = "sk-proj-" + "aB3" * 8


def parquet(folder: Path, table: pa.Table) -> Path:
    pq.write_table(table, folder / "train.parquet")
    return folder / "train.parquet"


PLACES: dict[str, Callable[[Path, str], Path | bytes]] = {
    "README.md": lambda _, key: f"---\nlicense: mit\n---\n\nCall it with {key}.\n".encode(),
    "front/README.md": lambda _, key: f'---\nsaid: "{escaped(key)}"\n---\n'.encode(),
    "lock.json": lambda _, key: json.dumps({"steps": [{"settings": {"api": key}}]}).encode(),
    "escaped.json": lambda _, key: f'{{"a": "{escaped(key)}"}}'.encode(),
    "pipeline.yaml": lambda _, key: f"name: x\ndescription: 'with {key}'\n".encode(),
    "folded.yaml": lambda _, key: f'description: "{key[:9]}\\\n  {key[9:]}"\n'.encode(),
    "contamination.jsonl": lambda _, key: b'{"a": 1}\n' + json.dumps({key: 2}).encode(),
    "answers.jsonl.gz": lambda _, key: gzip.compress(json.dumps({"text": f"so: {key}"}).encode()),
    "loss.png": lambda _, key: b"\x89PNG" + b"\xff" * (2**20 - 9) + key.encode() + b"\x00",
    "model.safetensors": lambda _, key: b"\x00" * 2**21 + key.encode(),
    f"data/{SHAPED}.txt": lambda _, key: b"nothing" if key == SHAPED else key.encode(),
    "value.parquet": lambda to, key: parquet(to, pa.table({"id": ["1"], "answer": [f"Use {key}"]})),
    "nested.parquet": lambda to, key: parquet(to, pa.table({"m": [[{"role": "user", "content": key}]]})),
    "lineage.parquet": lambda to, key: parquet(to, pa.table({"_bezoar": [json.dumps({"a": json.dumps({"b": key})})]})),
    "bytes.parquet": lambda to, key: parquet(to, pa.table({"raw": [b"\x00" + key.encode()]})),
    "column.parquet": lambda to, key: parquet(to, pa.table({key: [1]})),
    "schema.parquet": lambda to, key: parquet(to, pa.table({"a": [1]}).replace_schema_metadata({"made": key})),
}


def escaped(key: str) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in key)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in keys_of_environment():
        monkeypatch.delenv(name)
    monkeypatch.setenv("MY_PASSWORD", OURS)


@pytest.mark.parametrize("name", PLACES)
def test_a_key_is_found_wherever_it_stands_and_never_shown(name: str, tmp_path: Path) -> None:
    for key, code in ((OURS, "refused-secret"), (SHAPED, "refused-keys")):
        found = list(KeySearch().problems({name: PLACES[name](tmp_path, key)}))
        assert code in {problem.code for problem in found}, key
        assert all(problem.secret for problem in found)
        assert key not in str(found)


def test_our_own_are_found_in_every_spelling_in_which_they_travel() -> None:
    search = KeySearch()
    for said in (
        quote(OURS, safe=""),
        base64.b64encode(OURS.encode()).decode(),
        base64.b64encode(f"me:{OURS}".encode()).decode(),
    ):
        (problem,) = search.problems({"rows.txt": f"It was {said} at last.".encode()})
        assert (problem.code, "MY_PASSWORD" in problem.message) == ("refused-secret", True)


def test_what_looks_like_one_may_be_allowed_and_ours_never() -> None:
    search = KeySearch()
    assert not list(search.problems({"a.txt": SHAPED.encode()}, allowed=True))
    (problem,) = search.problems({"a.txt": f"{SHAPED} {OURS}".encode()}, allowed=True)
    assert problem.code == "refused-secret"


KEYS = [
    *(f"{start}-{'a1B2' * 8}" for start in ("sk", "sk-ant-api03", "xai", "nvapi", "glpat", "pplx", "xoxb", "pk", "rk")),
    *(
        f"{start}_{'a1B2' * 8}"
        for start in ("hf", "gho", "ghp", "ghs", "ghr", "ghu", "github_pat", "gsk", "r8", "sk_live")
    ),
    "AIza" + "a1B2c" * 7,
    "AKIA" + "A1B2" * 4,
    "ASIA" + "A1B2" * 4,
    f"eyJ{'a' * 12}.eyJ{'b' * 12}.{'c' * 12}",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIabc\n-----END RSA PRIVATE KEY-----",
    "Authorization: Bearer a1b2c3d4e5f6a7b8c9d0",
    "AUTHORIZATION: BEARER a1b2c3d4e5f6a7b8c9d0",
]


@pytest.mark.parametrize("key", KEYS)
def test_every_shape_is_found(key: str) -> None:
    (problem,) = KeySearch().problems({"a.txt": f"Take {key} and go.".encode()})
    assert problem.code == "refused-keys"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_KEY", "not-needed"),
        ("MAX_TOKENS", "1234567890"),
        ("SIGNING_KEY", __file__),
        ("TOKEN", "EMPTY"),
        ("EDITOR", "/bin/vi4"),
    ],
)
def test_placeholders_and_paths_are_no_keys(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    assert not list(KeySearch().problems({"a.txt": f"An {value} here.".encode()}))


def test_ordinary_text_is_let_through_and_a_damaged_file_is_not() -> None:
    plain = b"A task-oriented risk-assessment-of-everything, by sk-learn; a hash: " + b"0123456789abcdef" * 4
    assert not list(
        KeySearch().problems({"a.md": plain, "b.json": b"{", "c.yaml": b"a: [", "d.bin": bytes(range(256))})
    )
    for name in ("a.parquet", "a.jsonl.gz"):
        (problem,) = KeySearch().problems({name: b"PAR1 and nothing else"})
        assert problem.code == "refused-unreadable"
