"""Words that users must not meet, in messages, help, cards and pages: our own where the field has one, and inversions.

The style that this holds is on docs/style.md, which quotes some of them.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

WORDS = {
    r"\bsort(s|ed|ing)? out\b": "drop, dropped",
    r"\bpass(es|ed)? over\b": "skip, skipped",
    r"\b[Ww]ho (answers|judges) stands\b": "the models file names the model",
    r"\b[Ww]ho answers\b": "the model, which models answer",
    r"\basked now\b": "LLM calls, requests",
    r"\bat hand\b": "here, available",
    r"\b[Aa]fresh\b": "again",
    r"\b[Aa]ll the same\b": "anyway",
    r"\bone's own\b": "your own",
    r"\banew\b": "again",
    r"\b[Ww]hoever\b": "anyone who",
    r"(?<![Tt]here )\b(is|are) no (?!(longer|more|less|better|worse|different|trial)\b)\w+": "is not a",
    r"\bstands? (here|there|already|twice)\b": "is here, appears twice",
    r"\bgoes on from here\b": "run the same command again to continue",
    r"\bmend(s|ed|ing)?\b": "fix, repair",
    r"\b(there|where|here)(of|in|upon)\b": "of it, in it",
    r"\b(hitherto|heretofore|albeit|lest|ere|shall)\b": "plain words",
    r"\b(Told|Asked|Kept|Read|Counted|Shown|Meant|Refused|Dropped) (is|are|was|were)\b": "subject, then verb",
    r"\bspeaks? against\b": "reasons against",
    r"\b1 (rows|answers|requests|prompts|items|steps|models|pairs|files)\b": "1 row",
    r"\b([Tt]he )?judge judge\b": "the judge",
    r"\bin (the|its|their) place is\b": "is used instead",
}
"""Pattern → what to write."""
ON_PAGES = {r"(?<![Pp]eople )(?<![Aa]nnotators )\b(is|are) told\b(?! (apart|of)\b)": "is reported"}
QUOTED = {"docs/style.md", "docs/first-hour.md"}
"""The style's own page, and one that a program writes: rows of data stand on it."""


def texts_of_the_code() -> Iterator[tuple[str, str]]:
    """Every text in the package's modules but docstrings: place, text."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def texts_of_pages() -> Iterator[tuple[str, str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        reference = importlib.import_module("reference").pages()  # the help, the steps, the keys of files
    yield from reference.items()
    for path in [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md"]:
        if (name := str(path.relative_to(ROOT))) not in QUOTED:
            yield name, path.read_text("utf-8")


def found(texts: Iterator[tuple[str, str]], words: dict[str, str]) -> list[str]:
    return [
        f"{place}: '{hit[0]}' in '{text[max(0, hit.start() - 30) : hit.end() + 30]}': write: {instead}"
        for place, text in texts
        for pattern, instead in words.items()
        for hit in re.finditer(pattern, text)
    ]


def test_no_message_has_a_word_that_users_must_not_meet():
    assert found(texts_of_the_code(), WORDS) == []


def test_no_page_has_a_word_that_users_must_not_meet():
    assert found(texts_of_pages(), WORDS | ON_PAGES) == []


@pytest.mark.parametrize(
    "text", ["3 rows were sorted out", "Who answers stands in a models file", "144 asked now", "1 rows"]
)
def test_each_word_is_found(text: str):
    assert found(iter([("here", text)]), WORDS)
