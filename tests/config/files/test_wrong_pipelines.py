"""Wrong pipeline files. Each text marks every problem it should give: `§code§` stands right before the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from support.marks import expected
from support.pipeline_files import load_pipeline_file

HEAD = "name: a\nversion: 1\n"
STEPS = HEAD + "steps:\n"
TWO = STEPS + "  - use: s\n  - use: t\n"

CASES = {
    "unknown key at the top": HEAD + "§unknown-key§sede: 3\nsteps: [{use: s}]\n",
    "unknown key in a step": STEPS + "  - use: s\n    §unknown-key§wiht: {a: 1}\n",
    "the field's own name instead of its key": STEPS + "  - use: s\n    §unknown-key§settings: {}\n",
    "missing name": "§missing-key§version: 1\nsteps: [{use: s}]\n",
    "missing version and steps": "§missing-key§§missing-key§name: a\n",
    "missing use": STEPS + "  - use: s\n  - §missing-key§id: b\n",
    "name with capitals": "name: §bad-value§Orca\nversion: 1\nsteps: [{use: s}]\n",
    "name that is a number": "name: §wrong-type§7\nversion: 1\nsteps: [{use: s}]\n",
    "name that is nothing": "§wrong-type§name:\nversion: 1\nsteps: [{use: s}]\n",
    "version from the future": "name: a\nversion: §bad-value§2\nsteps: [{use: s}]\n",
    "version as text": "name: a\nversion: §bad-value§'1'\nsteps: [{use: s}]\n",
    "seed as text": HEAD + "seed: §wrong-type§'7'\nsteps: [{use: s}]\n",
    "seed with a point": HEAD + "seed: §wrong-type§7.5\nsteps: [{use: s}]\n",
    "seed that is true": HEAD + "seed: §wrong-type§true\nsteps: [{use: s}]\n",
    "negative seed": HEAD + "seed: §bad-value§-1\nsteps: [{use: s}]\n",
    "a file size in no unit": HEAD + "max_file_size: §bad-value§500 rows\nsteps: [{use: s}]\n",
    "tolerate above one": HEAD + "tolerate: §bad-value§5\nsteps: [{use: s}]\n",
    "budget of nothing": HEAD + "max_cost: §bad-value§0\nsteps: [{use: s}]\n",
    "budget without end": HEAD + "max_cost: §bad-number§.inf\nsteps: [{use: s}]\n",
    "empty card": HEAD + "card: §bad-value§''\nsteps: [{use: s}]\n",
    "split of everything": HEAD + "splits: {v: §bad-value§1}\nsteps: [{use: s}]\n",
    "splits that leave nothing": HEAD + "§bad-value§splits: {v: 0.5, t: 0.5}\nsteps: [{use: s}]\n",
    "split named train": HEAD + "splits: {§bad-value§train: 0.5}\nsteps: [{use: s}]\n",
    "split with a space and no number": HEAD + "splits: {§bad-value§a b: §wrong-type§x}\nsteps: [{use: s}]\n",
    "splits as a list": HEAD + "splits: §wrong-type§[0.1]\nsteps: [{use: s}]\n",
    "no steps": HEAD + "steps: §bad-value§[]\n",
    "steps as a mapping": STEPS + "  §wrong-type§use: s\n",
    "a step that is a word": STEPS + "  - §wrong-type§s\n",
    "a step that is nothing": STEPS + "  - use: s\n  -§wrong-type§\n",
    "use with a space": STEPS + "  - use: §bad-value§load flan\n",
    "id with a dot": STEPS + "  - {use: s, id: §bad-value§a.b}\n",
    "one id written twice": STEPS + "  - {use: s, id: x}\n  - {use: t, id: §duplicate-id§x}\n",
    "one step used twice without an id": STEPS + "  - use: s\n  - use: §duplicate-id§s\n",
    "first step after another": STEPS + "  - use: s\n    after: §bad-after§t\n  - use: t\n",
    "after a step that is not there": TWO + "    after: §unknown-step§u\n",
    "after itself": TWO + "    after: [§bad-after§t]\n",
    "after one step twice": TWO + "    after: [s, §bad-after§s]\n",
    "after a number": TWO + "    after: §wrong-type§3\n",
    "after a list with a number": TWO + "    after: [s, §wrong-type§3]\n",
    "two before and no join": TWO + "  - use: u\n    after: §missing-join§[s, t]\n",
    "join of one": TWO + "    join: §bad-join§union\n",
    "join of no known kind": TWO + "    join: §bad-value§merge\n",
    "a circle": (TWO + "    after: §circle§v\n  - use: u\n  - use: v\n"),
    "two circles": (
        STEPS + "  - use: s\n"
        "  - {use: a, after: §circle§b}\n  - {use: b, after: a}\n"
        "  - {use: c, after: §circle§d}\n  - {use: d, after: c}\n"
    ),
    "columns as a list": STEPS + "  - use: s\n    columns: §wrong-type§[a]\n",
    "columns to a number": STEPS + "  - use: s\n    columns: {a: §wrong-type§1}\n",
    "settings as a list": STEPS + "  - use: s\n    with: §wrong-type§[a]\n",
    "the file is a list": "§wrong-type§- use: s\n",
    "the file is a word": "§wrong-type§orca\n",
    "a setting twice": STEPS + "  - use: s\n    with: {p: 1, §duplicate-key§p: 2}\n",
    "many at once": (
        "name: §bad-value§Orca Pipe\n"
        "version: §bad-value§2\n"
        "§unknown-key§descripton: x\n"
        "seed: §wrong-type§'7'\n"
        "tolerate: §bad-value§1.5\n"
        "steps:\n"
        "  - use: load_flan\n"
        "    with: {path: x, per_task: 300, §duplicate-key§per_task: 2}\n"
        "  - use: orca.explain\n"
        "    §unknown-key§wiht: {model: teacher}\n"
        "    after: [§unknown-step§load_falan, §bad-after§orca-explain]\n"
        "    join: §bad-value§yes\n"
        "  - use: §duplicate-id§orca.explain\n"
        "  - §missing-key§id: §wrong-type§3\n"
        "  - §wrong-type§5\n"
        "  - use: §bad-value§judge accept\n"
        "    columns: §wrong-type§[a]\n"
    ),
    "many at once, of reading and of meaning": (
        "§unknown-key§nmae: a\n"
        "§bad-key§1: x\n"
        "version: 1\n"
        "§duplicate-key§version: 2\n"
        "seed: §tag§!!int '7'\n"
        "§merge-key§<<: {a: 1}\n"
        "card: §unknown-alias§*card\n"
        "steps:\n"
        "  - use: s\n"
        "    §unknown-key§option: 1\n"
    ),
}
CASES["many at once, of reading and of meaning"] = "§missing-key§" + CASES["many at once, of reading and of meaning"]


def problems_of(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(InputError) as caught:
        load_pipeline_file(path)
    return caught.value.problems


@pytest.mark.parametrize("marked", CASES.values(), ids=CASES.keys())
def test_each_mistake_is_found_at_its_place_and_no_other(tmp_path: Path, marked: str) -> None:
    text, wanted = expected(marked)
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    found = problems_of(path)
    assert sorted((p.code, p.place.line, p.place.column) for p in found if p.place) == wanted
    assert all(p.place and p.place.file == str(path) for p in found)
    assert all(p.message for p in found)


def test_no_message_speaks_of_the_library_that_found_it(tmp_path: Path) -> None:
    for marked in CASES.values():
        text, _ = expected(marked)
        path = tmp_path / "p.yaml"
        path.write_text(text, encoding="utf-8")
        for problem in problems_of(path):
            said = f"{problem.message} {problem.hint}".lower()
            for jargon in ("input", "pydantic", "validation", "tuple", "dictionary", "nonetype", "valid ", "object"):
                assert jargon not in said


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (HEAD + "sede: 3\nsteps: [{use: s}]\n", "did you mean 'seed'?"),
        (HEAD + "steps: [{use: s, wiht: {}}]\n", "did you mean 'with'?"),
        (HEAD + "steps: [{use: s}, {use: load_flan}, {use: t, after: load_flam}]\n", "'load_flan'?"),
        (HEAD + "seed: '7'\nsteps: [{use: s}]\n", "without quotes"),
        (HEAD + "steps: [{use: s}, {use: s}]\n", "an 'id:' of its own"),
        (HEAD + "steps: [{use: s}, {use: t, join: uninon}]\n", "did you mean 'union'?"),
        (HEAD + "steps: [{use: s, with: {p: {{x}}}}]\n", "must be quoted"),
    ],
)
def test_the_hint_says_what_to_write(tmp_path: Path, text: str, hint: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    assert any(hint in problem.hint for problem in problems_of(path))


def test_a_file_of_nothing_but_mistakes_is_refused_quickly(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    steps = "".join(f"  - {{use: s{i}, after: [{i}, q{i}], zz: 1}}\n" for i in range(3000))
    path.write_text(STEPS + steps, encoding="utf-8")
    assert len(problems_of(path)) <= 300
