"""Topics: the shipped list, a list of one's own, and the rules that choose them from Wikipedia's categories."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.steps.lamini.topics import load_topics, topics_from_categories

HEAD = "-- MySQL dump\nCREATE TABLE `category` (`cat_title` varbinary(255));\n"


def dump(path: Path, rows: str) -> Path:
    content = f"{HEAD}INSERT INTO `category` VALUES {rows};\n/*!40000 ALTER TABLE */;\n".encode()  # noqa: S608
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def test_the_shipped_list_has_500_topics_of_under_three_words_each_once():
    topics = load_topics()
    assert len(topics) >= 500
    assert len({t.casefold() for t in topics}) == len(topics)
    assert all(0 < len(t.split()) < 3 for t in topics)


def test_a_list_of_ones_own_may_hold_comments_and_blank_lines(tmp_path: Path):
    file = tmp_path / "topics.txt"
    file.write_text("# mine\n\nJazz\n  Cold   War \nJazz\n")
    assert load_topics(file) == ("Jazz", "Cold War")


@pytest.mark.parametrize("name", ["category.sql", "category.sql.gz"])
def test_the_papers_rules_choose_from_mediawikis_dump(tmp_path: Path, name: str):
    rows = (
        "(1,'Rivers',90,11,28),"  # 51 pages: a topic
        "(2,'Lakes',90,11,29),"  # 50 pages: not more than 50
        "(3,'Seas',900,10,0),"  # 10 sub-categories: not more than 10
        "(4,'Cold_War',900,11,0),"  # two words: a topic
        "(5,'Cold_War_spies',900,50,0),"  # three words
        "(6,'Artists\\'_models',900,50,0),"  # an escaped quotation mark
        "(7,'Odd\\\\title),(8',900,50,0)"  # a title that looks like the end of a row
    )
    topics = topics_from_categories(dump(tmp_path / name, rows))
    assert topics == ("Artists' models", "Cold War", "Odd\\title),(8", "Rivers")


def test_the_same_rules_hold_for_a_table(tmp_path: Path):
    file = tmp_path / "categories.tsv"
    file.write_text("title\tsubcategories\tpages\nRivers\t11\t51\nLakes\t11\t50\nCold_War\t99\t99\nA b c\t99\t99\n")
    assert topics_from_categories(file) == ("Cold War", "Rivers")
    lines = tmp_path / "categories.jsonl"
    lines.write_text(
        '{"title": "Rivers", "subcategories": 11, "pages": 51}\n{"title": "x", "subcategories": 1, "pages": 1}\n'
    )
    assert topics_from_categories(lines) == ("Rivers",)


def test_bad_rows_are_all_told_with_their_lines(tmp_path: Path):
    file = tmp_path / "categories.jsonl"
    file.write_text('{"title": "a", "subcategories": "many", "pages": 1}\n{"pages": 5}\nnot json\n')
    with pytest.raises(InputError) as error:
        topics_from_categories(file)
    assert [p.place and p.place.line for p in error.value.problems] == [1, 2, 3]


@pytest.mark.parametrize(
    ("name", "content"),
    [("t.sql", HEAD), ("t.tsv", "title\tsubcategories\tpages\na\t1\t1\n"), ("t.csv", "a,1,1\n")],
)
def test_a_file_that_gives_no_topic_is_an_input_error(tmp_path: Path, name: str, content: str):
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError):
        topics_from_categories(tmp_path / name)
    with pytest.raises(InputError, match="no such file"):
        topics_from_categories(tmp_path / "missing.sql")
    with pytest.raises(InputError, match="no such file"):
        load_topics(tmp_path / "missing.txt")


def test_the_command_prints_the_topics_and_tells_mistakes_without_a_traceback(tmp_path: Path):
    file = dump(tmp_path / "category.sql.gz", "(1,'Rivers',90,11,0),(2,'Lakes',1,1,0)")
    command = [sys.executable, "-m", "bezoar_data.steps.lamini.topics"]
    done = subprocess.run([*command, str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "Rivers\n")
    failed = subprocess.run([*command, str(tmp_path / "missing.sql")], capture_output=True, text=True)
    assert failed.returncode == 2
    assert "no such file" in failed.stderr
    assert "Traceback" not in failed.stderr
