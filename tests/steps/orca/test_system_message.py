from collections import Counter
from pathlib import Path

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.steps.base import Kept
from bezoar_data.steps.flan import SUBMIXES, submix_of
from bezoar_data.steps.orca.messages import SHIPPED, load_messages
from bezoar_data.steps.orca.system_message import OrcaSystemMessage
from support.drive import drive, row

CHOICE = "Is it wet?\nOPTIONS:\n- yes\n- no"
# arXiv 2306.02707, figure 6
ASSIGNED = {
    ("CoT", "Why?"): {6, 11, 16},
    ("CoT", CHOICE): {6, 11, 16},
    ("NIv2", "Why?"): {1, 2, 5, 7, 9, 12, 13, 14, 15},
    ("NIv2", CHOICE): {1, 2, 5, 7, 9, 12, 13, 14, 15},
    ("T0", "Why?"): {1, 2, 3, 5, 7},
    ("T0", CHOICE): {1, 2, 3, 5, 7},
    ("Flan2021", "Why?"): {3, 4, 7},
    ("Flan2021", CHOICE): {8, 10},
    ("something else", "Why?"): {1, 2, 3, 5, 7},
    (None, "Why?"): {1, 2, 3, 5, 7},
}


def drawn(step: OrcaSystemMessage, source: object, question: str, rows: int = 300) -> list[int]:
    ids = []
    for i in range(rows):
        verdict = drive(step, row(i, inputs=question, task_source=source)).verdict
        assert isinstance(verdict, Kept)
        ids.append(verdict.columns["system_message_id"])
    return ids


@pytest.mark.parametrize("key", ASSIGNED)
def test_each_submix_draws_evenly_from_its_own_messages(key) -> None:
    source, question = key
    counts = Counter(drawn(OrcaSystemMessage(name="s", seed=1, write_id=True), source, question))
    assert set(counts) == ASSIGNED[key]
    assert min(counts.values()) > 300 / len(counts) / 2


def test_the_draw_depends_on_seed_and_row_alone() -> None:
    first = drawn(OrcaSystemMessage(name="s", seed=1, write_id=True), "NIv2", "Why?", 40)
    again = OrcaSystemMessage(name="s", seed=1, write_id=True)
    backwards = [drawn_one(again, i) for i in reversed(range(40))]
    assert backwards[::-1] == first
    assert drawn(OrcaSystemMessage(name="s", seed=2, write_id=True), "NIv2", "Why?", 40) != first


def drawn_one(step: OrcaSystemMessage, position: int) -> int:
    verdict = drive(step, row(position, inputs="Why?", task_source="NIv2")).verdict
    assert isinstance(verdict, Kept)
    return verdict.columns["system_message_id"]


def test_writes_the_published_column_only_unless_asked() -> None:
    given = row(inputs="Why?", task_source="CoT", targets="so")
    verdict = drive(OrcaSystemMessage(name="s"), given).verdict
    assert isinstance(verdict, Kept)
    assert set(verdict.columns) == {"inputs", "task_source", "targets", "system_message"}


def test_there_are_sixteen_messages_and_the_first_is_empty() -> None:
    file = load_messages(SHIPPED, "T0")
    assert [m.id for m in file.messages] == list(range(1, 17))
    assert [m.id for m in file.messages if not m.text] == [1]
    assert len({m.text for m in file.messages}) == 16
    assert all(m.purpose for m in file.messages)


def test_rows_of_an_unknown_submix_follow_the_setting() -> None:
    step = OrcaSystemMessage(name="s", other="CoT", write_id=True)
    assert set(drawn(step, "my own", "Why?", 60)) == {6, 11, 16}
    assert set(drawn(step, "Dialog", "Why?", 60)) == {6, 11, 16}


def test_a_persons_own_messages_replace_ours(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "version: 1\nmessages:\n  - {id: 7, purpose: all, text: Be brief.}\nassignment:\n  T0: {messages: [7]}\n"
    )
    verdict = drive(OrcaSystemMessage(name="s", messages=str(own)), row(inputs="Why?", task_source="CoT")).verdict
    assert isinstance(verdict, Kept)
    assert verdict.columns["system_message"] == "Be brief."


def test_a_wrong_message_file_is_told_line_by_line_before_any_row(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "version: 1\n"
        "messages:\n"
        "  - {id: 1, purpose: all, text: Be brief.}\n"
        "  - {id: 1, purpose: all, text: Be long.}\n"
        "assignment:\n"
        "  CoT: {messages: [1, 5]}\n"
    )
    with pytest.raises(InputError) as wrong:
        OrcaSystemMessage(name="s", messages=str(own)).load()
    lines = sorted(p.place.line for p in wrong.value.problems if p.place and p.place.line)
    assert lines[:1] == [4]
    assert 6 in lines
    assert any("'T0'" in p.message for p in wrong.value.problems)


@pytest.mark.parametrize(
    ("spelling", "submix"),
    [
        ("CoT", "CoT"),
        ("cot", "CoT"),
        ("cot_submix_original", "CoT"),
        ("NIv2", "NIv2"),
        ("niv2_submix_original", "NIv2"),
        ("Natural Instructions v2", "NIv2"),
        ("T0", "T0"),
        ("P3", "T0"),
        ("t0_submix", "T0"),
        ("Flan2021", "Flan2021"),
        ("FLAN 2021", "Flan2021"),
        ("flan2021_submix_original", "Flan2021"),
        ("Dialog", "Dialog"),
        ("", None),
        ("v2", None),
        ("original", None),
        ("cottage", None),
        (None, None),
        (3, None),
    ],
)
def test_submixes_are_known_by_their_many_spellings(spelling, submix) -> None:
    assert submix_of(spelling) == submix
    assert submix is None or submix in SUBMIXES
