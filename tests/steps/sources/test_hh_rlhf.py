"""`load_hh_rlhf`: each rule by hand, and the real pairs against a reading of the texts that is not ours."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.runs.row import Row
from bezoar_data.steps.sources.load_hh_rlhf import LoadHhRlhf

SHIPPED = Path(__file__).parents[3] / "pipelines" / "seeds" / "hh_rlhf_like.jsonl"


def said(*turns: str) -> str:
    """A dialogue as HH-RLHF writes it: `H text`, `A text`."""
    return "".join(f"\n\n{'Human' if turn[0] == 'H' else 'Assistant'}:{turn[1:]}" for turn in turns)


def write(path: Path, *pairs: tuple[str, str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps({"chosen": c, "rejected": r}) + "\n" for c, r in pairs)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def load(path: Path | str, **settings: Any) -> list[Row]:
    return list(LoadHhRlhf(name="load", path=str(path), **settings).rows())


def reason(row: Row) -> str:
    return row.lineage.drop.reason if row.lineage.drop else "kept"


def turns(*texts: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[i % 2], "content": text} for i, text in enumerate(texts)]


def test_a_pair_becomes_prompt_chosen_and_rejected_messages(tmp_path: Path):
    history = ("H Hi ", "A Hello\n\nthere", "H Why?")
    (row,) = load(write(tmp_path / "a.jsonl", (said(*history, "A  Good. "), said(*history, "A Bad."))))
    assert row.columns == {
        "prompt": turns("Hi", "Hello\n\nthere", "Why?"),
        "chosen": [{"role": "assistant", "content": "Good."}],
        "rejected": [{"role": "assistant", "content": "Bad."}],
        "subset": "",
    }


@pytest.mark.parametrize(
    ("chosen", "rejected", "expected"),
    [
        (("H a", "A b"), ("H a", "A b", "H c", "A d"), "turn_count"),
        (("H a", "A b"), ("H a", "A b", "A c"), "turn_count"),
        (("H a", "A b", "H c"), ("H a", "A b", "H d"), "odd"),
        (("H a", "A b", "A c"), ("H a", "A b", "A d"), "odd"),
        (("A a", "H b"), ("A a", "H c"), "roles"),
        (("H a", "A b", "A c", "H d"), ("H a", "A b", "H c", "A d"), "roles"),
        (("H a", "A b"), ("H a", "H b"), "roles"),
        (("H a", "A "), ("H a", "A b"), "empty"),
        (("H a", "A b"), ("H a", "A \n\t"), "empty"),
        (("H ", "A b"), ("H ", "A c"), "empty"),
        (("H a", "A b"), ("H x", "A c"), "history"),
        (("H a", "A b", "H c", "A d"), ("H a", "A x", "H c", "A e"), "history"),
        (("H a", "A b", "H c", "A d"), ("H a", "A x", "H c", "A d"), "history"),
        (("H a", "A b"), ("H a", "A  b\n"), "identical"),
    ],
)
def test_each_rule_drops_with_its_own_reason_and_keeps_the_texts(
    tmp_path: Path, chosen: tuple[str, ...], rejected: tuple[str, ...], expected: str
):
    texts = (said(*chosen), said(*rejected))
    (row,) = load(write(tmp_path / "a.jsonl", texts))
    assert reason(row) == expected
    assert row.lineage.drop is not None
    assert row.lineage.drop.step == "load"
    assert not row.lineage.drop.failed
    assert (row["chosen"], row["rejected"]) == texts


@pytest.mark.parametrize("text", ["", "no turn at all", "before" + said("H a", "A b"), "Human: a\n\nAssistant: b"])
def test_text_outside_of_turns_is_a_fault_of_roles(tmp_path: Path, text: str):
    (row,) = load(write(tmp_path / "a.jsonl", (said("H a", "A b"), text)))
    assert reason(row) == "roles"


def test_repair_makes_turns_in_a_row_one_and_marks_the_row(tmp_path: Path):
    double = ("H a", "A b", "A c", "H d")
    path = write(
        tmp_path / "a.jsonl",
        (said(*double, "A e"), said("H a", "A b\n\nc", "H d", "A f")),
        (said("H a", "A b"), said("H a", "A c")),
        (said("H a", "A ", "A b"), said("H a", "A c")),
        (said("H a", "A ", "A "), said("H a", "A c")),
    )
    assert [reason(r) for r in load(path)] == ["turn_count", "kept", "turn_count", "turn_count"]
    first, second, third, fourth = load(path, repair=True)
    assert first["prompt"] == turns("a", "b\n\nc", "d")
    assert (first["chosen"][0]["content"], first["rejected"][0]["content"]) == ("e", "f")
    assert [r["repaired"] for r in (first, second, third)] == [True, False, True]
    assert third["chosen"][0]["content"] == "b"
    assert reason(fourth) == "empty"


def test_the_slice_counts_the_sources_rows_dropped_ones_too(tmp_path: Path):
    good, bad = (said("H a", "A b"), said("H a", "A c")), (said("H a", "A b"), said("H a", "A b"))
    path = write(tmp_path / "a.jsonl", good, bad, good, good)
    assert [reason(r) for r in load(path, limit=3)] == ["kept", "identical", "kept"]
    assert [r.id for r in load(path, limit=3)] == [r.id for r in load(path)][:3]


def test_the_four_folders_follow_each_other_as_published_and_name_their_subset(tmp_path: Path):
    for i, name in enumerate(("helpful-online", "harmless-base", "helpful-rejection-sampled", "helpful-base")):
        write(tmp_path / name / "train.jsonl.gz", (said("H a", f"A {i}"), said("H a", "A c")))
    write(tmp_path / "red-team-attempts" / "red_team_attempts.jsonl.gz", ("never", "read"))
    rows = load(f"{tmp_path}/*/train.jsonl.gz")
    names = ["harmless-base", "helpful-base", "helpful-online", "helpful-rejection-sampled"]
    assert [r["subset"] for r in rows] == names
    assert [r.lineage.source for r in rows] == [f"{name}/train.jsonl.gz" for name in names]


def test_rows_without_two_texts_are_dropped_each(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    good = json.dumps(dict(zip(("chosen", "rejected"), (said("H a", "A b"), said("H a", "A c")), strict=True)))
    path.write_text(f'{{"chosen": "x", "rejected": null}}\n{{"transcript": "x"}}\n{good}\n{{bad\n')
    assert list(map(reason, load(path))) == ["missing", "missing", "kept", "not_json"]


def test_the_shipped_pairs_show_every_reason_once():
    counts = Counter(map(reason, load(SHIPPED)))
    assert counts.pop("kept") >= 16
    assert counts == dict.fromkeys(("turn_count", "odd", "roles", "empty", "history", "identical"), 1)


# The real pairs, read in another way than ours: marks replaced by characters that no text holds, then cut there.


def pieces(text: str) -> list[tuple[str, str]]:
    assert "\x01" not in text
    marked = text.replace("\n\nHuman:", "\x01H").replace("\n\nAssistant:", "\x01A")
    before, *rest = marked.split("\x01")
    assert before == ""
    return [(piece[0], " ".join(piece[1:].split())) for piece in rest]


def faults(chosen: str, rejected: str) -> dict[str, bool]:
    """Which of the six rules a pair breaks, each looked at by itself."""
    c, r = pieces(chosen), pieces(rejected)
    counts = [text.count("\n\nHuman:") + text.count("\n\nAssistant:") for text in (chosen, rejected)]
    order = ["".join(who for who, _ in side) for side in (c, r)]
    return {
        "turn_count": counts[0] != counts[1],
        "odd": any(n % 2 for n in counts),
        "roles": any(o != ("HA" * len(o))[: len(o)] for o in order),
        "empty": any(not text for side in (c, r) for _, text in side),
        "history": c[:-1] != r[:-1],
        "identical": c == r,
    }


def flat(messages: list[dict[str, str]]) -> str:
    """Messages as the source writes them, white space made one."""
    names = {"user": "Human", "assistant": "Assistant"}
    return " ".join(" ".join(f"{names[m['role']]}: {m['content']}" for m in messages).split())


def test_real_pairs_are_dropped_rightly_and_none_is_cut_wrongly(real_data: Path):
    path = real_data / "hh_rlhf" / "harmless-base.jsonl"
    raw = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    rows = load(path)
    assert len(rows) == len(raw) == 1500
    assert Counter(map(reason, rows)) == {"kept": 1492, "empty": 4, "odd": 3, "turn_count": 1}
    for row, source in zip(rows, raw, strict=True):
        broken = faults(source["chosen"], source["rejected"])
        if row.lineage.drop is not None:
            assert broken[row.lineage.drop.reason], row.lineage.drop
            assert {side: row[side] for side in source} == source
            continue
        assert not any(broken.values()), broken
        assert row["subset"] == "harmless-base"
        for side, text in source.items():
            assert flat([*row["prompt"], *row[side]]) == " ".join(text.split()), "nothing lost, nothing added"
            last = text.rindex("\n\nAssistant:")
            assert row[side] == [{"role": "assistant", "content": text[last + len("\n\nAssistant:") :].strip()}]
            assert all(m["content"] == m["content"].strip() != "" for m in row["prompt"])


def test_repair_saves_real_pairs_and_changes_no_other(real_data: Path):
    path = real_data / "hh_rlhf" / "harmless-base.jsonl"
    strict, repaired = load(path), load(path, repair=True)
    assert Counter(map(reason, repaired)) == {"kept": 1496, "empty": 4}
    for before, after in zip(strict, repaired, strict=True):
        if before.lineage.drop is None:
            assert after.columns == {**before.columns, "repaired": False}
        elif after.lineage.drop is None:
            assert after["repaired"]
            roles = [m["role"] for m in (*after["prompt"], *after["chosen"])]
            assert roles == (["user", "assistant"] * len(roles))[: len(roles)]
