import json
import random
from pathlib import Path

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.measures.contamination import ItemIndex
from bezoar_data.measures.words import words_of
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept
from bezoar_data.steps.curation.decontaminate import Decontaminate
from support.drive import drive, row

FILLER = "Some words of ours stand before it, of no importance to anyone. {} And others follow after it, as they like."


def found(step: Decontaminate, rows: list[Row]) -> dict[str, str]:
    verdicts = {r.id: drive(step, r).verdict for r in rows}
    return {i: v.detail for i, v in verdicts.items() if isinstance(v, Dropped)}


def test_planted_mt_bench_questions_are_found_however_they_are_disguised(real_data: Path):
    path = real_data / "mt_bench" / "question.jsonl"
    questions = [json.loads(line) for line in path.read_text().splitlines()]
    turns = [(q["question_id"], k, t) for q in questions for k, t in enumerate(q["turns"], 1)]
    step = Decontaminate(name="d", column="text", against=str(path))
    plants = {
        "verbatim": str,
        "re-cased": str.upper,
        "embedded": lambda t: FILLER.format(t),
        "spaced and unpunctuated": lambda t: "  ".join(words_of(t)),
    }
    for name, plant in plants.items():
        missed = []
        for i, (question, k, text) in enumerate(turns):
            verdict = drive(step, row(i, text=plant(text))).verdict
            label = f"question.jsonl item {question} {k}, 100% of its words, such as '"
            same = [t for t in turns if words_of(t[2]) == words_of(text)]
            named = isinstance(verdict, Dropped) and verdict.reason == "contaminated"
            if not named or (len(same) == 1 and label not in verdict.detail):
                missed.append((question, k, text[:60]))
        assert not missed, (name, missed)


def test_the_dolly_sample_and_self_instructs_seeds_are_not_flagged(real_data: Path):
    step = Decontaminate(
        name="d", column=["instruction", "context", "response"], against=str(real_data / "mt_bench" / "question.jsonl")
    )
    lines = (real_data / "dolly" / "dolly_sample.jsonl").read_text().splitlines()
    assert found(step, [row(i, **json.loads(line)) for i, line in enumerate(lines)]) == {}
    seeds = [json.loads(s) for s in (real_data / "self_instruct_seed_tasks.jsonl").read_text().splitlines()]
    rows = [row(i, instruction=s["instruction"], context="", response=str(s["instances"])) for i, s in enumerate(seeds)]
    assert found(step, rows) == {}


def test_half_of_an_item_is_not_enough_and_more_is(tmp_path: Path):
    words = [f"w{i}" for i in range(20)]
    (tmp_path / "e.jsonl").write_text(json.dumps({"question": " ".join(words)}) + "\n")
    rows = [row(n, text="x " + " ".join(words[:n]) + " y") for n in (7, 8, 10, 11, 20)]
    step = Decontaminate(name="d", column="text", against=str(tmp_path / "e.jsonl"))
    assert found(step, rows) == {
        "row-11": "e.jsonl item 0, 55% of its words, such as 'w0 w1 w2 w3 w4 w5 w6 w7'",
        "row-20": "e.jsonl item 0, 100% of its words, such as 'w0 w1 w2 w3 w4 w5 w6 w7'",
    }
    any_run = Decontaminate(name="d", column="text", against=str(tmp_path / "e.jsonl"), ngram=13, coverage=0)
    assert set(found(any_run, [*rows, row(13, text=" ".join(words[7:]))])) == {"row-13", "row-20"}


def test_coverage_counts_words_once_and_within_one_row_only(tmp_path: Path):
    words = [f"w{i}" for i in range(24)]
    (tmp_path / "e.txt").write_text(" ".join(words) + "\n")
    step = Decontaminate(name="d", column="text", against=str(tmp_path / "e.txt"))
    half = " ".join(words[:8])
    assert found(step, [row(0, text=" | ".join([half] * 5)), row(1, text=" ".join(words[8:16]))]) == {}
    assert set(found(step, [row(2, text=f"{half} – and – {' '.join(words[14:24])}")])) == {"row-2"}


def test_short_items_stand_whole_and_between_word_borders(tmp_path: Path):
    (tmp_path / "e.txt").write_text("What is two plus two?\nWhy so?\n")
    step = Decontaminate(name="d", column=["a", "b"], against=str(tmp_path / "e.txt"))
    rows = [
        row(0, a="Tell me: what is TWO plus two!", b=""),
        row(1, a="What is two plus twofold", b=""),
        row(2, a="what is two", b="plus two"),
        row(3, a="why so", b="Because."),
        row(4, a="Why so many words?", b="I do not know"),
    ]
    # In row 2 the item runs over two columns of one row: its words stand there in this order, so it is found.
    assert set(found(step, rows)) == {"row-0", "row-2", "row-3"}


def test_marked_rows_stay_and_say_why_and_appeals_are_heard(tmp_path: Path):
    (tmp_path / "e.txt").write_text("one two three four five six seven eight nine\n")
    nine = "one two three four five six seven eight nine"
    rows = [row(0, text=nine.title()), row(1, text="nothing of the sort"), row(2, text=nine)]
    step = Decontaminate(name="d", column="text", against=str(tmp_path / "e.txt"), action="mark", allow=["row-2"])
    marks = []
    for one in rows:
        verdict = drive(step, one).verdict
        assert isinstance(verdict, Kept)
        marks.append(verdict.columns["contamination"])
    said = "contaminated: e.txt line 1, 100% of its words, such as 'one two three four five six seven eight'"
    assert marks == [said, None, None]
    assert "contamination" not in rows[0].columns


def test_several_sets_and_fields(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"id": "x7", "q": "alpha beta gamma delta", "r": "not it"}) + "\n")
    (tmp_path / "b.jsonl").write_text(json.dumps({"q": "epsilon zeta eta theta"}) + "\n")
    files = [str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")]
    step = Decontaminate(name="d", column="text", against=files, fields=["q"])
    text = "alpha beta gamma delta epsilon zeta eta theta"
    assert found(step, [row(0, text=text)]) == {
        "row-0": "a.jsonl item x7, 100% of its words, such as 'alpha beta gamma delta', and 1 more of a.jsonl, b.jsonl"
    }
    with pytest.raises(InputError, match="no field 'question'") as error:
        Decontaminate(name="d", column="text", against=files, fields=["question"]).load()
    assert "it has: id, q, r" in error.value.problems[0].hint


def test_what_is_missing_is_told(tmp_path: Path):
    with pytest.raises(InputError, match="compares rows with nothing"):
        Decontaminate(name="d", column="text").load()
    with pytest.raises(ValueError, match="not a Hub dataset"):
        Decontaminate(name="d", column="text", hub=["a b"])
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(InputError, match="no texts"):
        Decontaminate(name="d", column="text", against=str(tmp_path / "empty.jsonl")).load()


def test_the_index_finds_what_comparing_everything_finds():
    pick = random.Random(3)
    items = [[pick.choice("abcde") for _ in range(pick.randrange(1, 14))] for _ in range(60)]
    index = ItemIndex(items, 4, 0.5, 2)
    total = 0
    for _ in range(200):
        text = [pick.choice("abcdex") for _ in range(pick.randrange(0, 30))]
        plain: dict[int, float] = {}
        for number, item in enumerate(items):
            if len(item) < 4:
                inside = any(text[i : i + len(item)] == item for i in range(len(text)))
                if text == item or (len(item) >= 2 and inside):
                    plain[number] = 1.0
                continue
            runs = {tuple(text[i : i + 4]) for i in range(len(text) - 3)}
            covered = {i + k for i in range(len(item) - 3) if tuple(item[i : i + 4]) in runs for k in range(4)}
            if len(covered) / len(item) > 0.5:
                plain[number] = len(covered) / len(item)
        assert {m.item: m.coverage for m in index.find(text)} == plain
        total += len(plain)
    assert total > 200
