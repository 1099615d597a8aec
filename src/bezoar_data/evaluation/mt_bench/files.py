"""FastChat's files of MT-Bench: questions, the judge's prompts, reference answers; or others of their format.

They are read as they are published, and known by their hashes: a rate says something only beside others of the same
questions, prompts and references.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.errors import InputError, ProviderAway
from bezoar_data.config.files.suite import JudgedQuestions, LoadedSuite, SuiteTask, hub_file
from bezoar_data.config.network import is_unreached
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.hashing import sha256_of

REFERENCED = ("math", "reasoning", "coding")
"""The categories whose answers the judge compares with a reference (FastChat's NEED_REF_CATS)."""

TEMPERATURES: Mapping[str, float] = {
    "writing": 0.7, "roleplay": 0.7, "extraction": 0.0, "math": 0.0, "coding": 0.0, "reasoning": 0.0, "stem": 0.1,
    "humanities": 0.1,
}  # fmt: skip
TEMPERATURE = 0.7
"""FastChat's, by category, and for any other category."""

_FIELDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "single": (
        frozenset({"question", "answer", "ref_answer_1"}),
        frozenset({"question_1", "question_2", "answer_1", "answer_2", "ref_answer_1", "ref_answer_2"}),
    ),
    "pairwise": (
        frozenset({"question", "answer_a", "answer_b", "ref_answer_1"}),
        frozenset({
            "question_1", "question_2", "answer_a_1", "answer_a_2", "answer_b_1", "answer_b_2", "ref_answer_1",
            "ref_answer_2",
        }),
    ),
}  # fmt: skip
"""What a prompt of each type may name, of the first turn and of the second."""

NAMES: Mapping[str, str] = {
    **{f"single-{kind}{turn}": "single" for kind in ("v1", "math-v1") for turn in ("", "-multi-turn")},
    **{f"pair-{kind}{turn}": "pairwise" for kind in ("v2", "math-v1") for turn in ("", "-multi-turn")},
}
"""The prompts that are used, and their type."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question in one or two turns."""

    id: str
    category: str
    turns: tuple[str, ...]

    @property
    def temperature(self) -> float:
        return TEMPERATURES.get(self.category, TEMPERATURE)

    @property
    def referenced(self) -> bool:
        return self.category in REFERENCED


@dataclass(frozen=True, slots=True)
class Prompt:
    """A judge's prompt: the template names what is filled in."""

    system: str
    template: str


@dataclass(frozen=True, slots=True)
class Files:
    """What a model is asked, and what its judge is given."""

    questions: tuple[Question, ...]
    prompts: Mapping[str, Prompt]
    references: Mapping[str, tuple[str, ...]]
    """By question; empty where there are none."""
    template: str | None
    """The chat template of models without one."""
    hashes: Mapping[str, str]
    """The SHA-256 of each file."""

    def turns(self) -> Iterator[tuple[Question, int]]:
        """Every question and turn, 0 or 1, in the file's order."""
        for question in self.questions:
            for turn in range(len(question.turns)):
                yield question, turn


def read_files(suite: LoadedSuite, index: int, task: SuiteTask, judged: JudgedQuestions) -> Files:
    """The files of a suite's task, those of the Hub fetched. Raises `InputError` with every mistake in them."""
    paths = {key: _here(suite, index, key, written) for key, written in judged.files().items()}
    problems: list[Problem] = []
    questions = _questions(paths["questions"], problems)
    prompts = _prompts(paths["prompts"], problems)
    references = _references(paths["references"], problems) if "references" in paths else {}
    if not problems and references:
        for question in questions:
            if question.referenced and len(references.get(question.id, ())) < len(question.turns):
                message = f"no reference answer of each turn of question {question.id} ({question.category})"
                problems.append(Problem("no-reference", message, Place(str(paths["references"]))))
    if problems:
        raise InputError(problems)
    template = paths["template"].read_text("utf-8") if "template" in paths else None
    hashes = {key: sha256_of(path) for key, path in paths.items()}
    return Files(tuple(questions[: task.limit]), prompts, references, template, hashes)


def _here(suite: LoadedSuite, index: int, key: str, written: str) -> Path:
    place = suite.document.place(("tasks", index, "judged", key))
    wanted = hub_file(written)
    if wanted is None:
        return suite.resolve(written)
    from huggingface_hub import hf_hub_download

    try:
        return Path(
            hf_hub_download(wanted.repo, wanted.path, repo_type=wanted.kind, revision=wanted.revision or "main")
        )
    except Exception as error:  # of the Hub's client and of the HTTP library under it, which it changes
        first = (str(error).strip() or type(error).__name__).split("\n")[0]
        message = f"{written} cannot be had from the Hub: {first}"
        if is_unreached(error):
            away = f"{place}: {message}. Run the same command again later; a file on this machine needs no network"
            raise ProviderAway(away) from None
        raise InputError(Problem("not-fetched", message, place, "name a file on this machine")) from error


def _lines(path: Path, problems: list[Problem]) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """The objects of a JSON Lines file, with their places."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(Problem("unreadable", f"{path.name} cannot be read: {error}", Place(str(path))))
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        place = Place(str(path), number)
        try:
            value = json.loads(line)
        except ValueError as error:
            problems.append(Problem("bad-json", f"this line is not JSON: {error}", place))
            continue
        if isinstance(value, dict):
            yield place, value
        else:
            problems.append(Problem("bad-json", "this line is not JSON object", place))


def _texts(value: Any) -> tuple[str, ...] | None:
    texts = isinstance(value, list) and value and all(isinstance(one, str) and one.strip() for one in value)
    return tuple(value) if texts else None


def _questions(path: Path, problems: list[Problem]) -> list[Question]:
    found: dict[str, Question] = {}
    for place, value in _lines(path, problems):
        id, category, turns = str(value.get("question_id", "")), value.get("category"), _texts(value.get("turns"))
        if not id or not isinstance(category, str) or turns is None or len(turns) > 2:
            message = "this is not a question: it needs question_id, category and one or two turns of text"
            problems.append(Problem("bad-question", message, place))
        elif id in found:
            problems.append(Problem("duplicate-id", f"question {id} appears twice", place))
        else:
            found[id] = Question(id, category, turns)
    if not found and not problems:
        problems.append(Problem("no-questions", f"{path.name} holds no question", Place(str(path))))
    return list(found.values())


def _prompts(path: Path, problems: list[Problem]) -> dict[str, Prompt]:
    found: dict[str, Prompt] = {}
    for place, value in _lines(path, problems):
        name, system, template = str(value.get("name")), value.get("system_prompt"), value.get("prompt_template")
        if name not in NAMES:
            continue
        if not isinstance(system, str) or not isinstance(template, str):
            message = f"the prompt '{name}' needs system_prompt and prompt_template"
            problems.append(Problem("bad-prompt", message, place))
            continue
        allowed = _FIELDS[NAMES[name]][name.endswith("-multi-turn")]
        if "-math-" not in name:
            allowed -= {"ref_answer_1", "ref_answer_2"}
        if unknown := _unknown(template, allowed):
            message = f"the prompt '{name}' names {unknown}, which nothing fills in"
            problems.append(Problem("bad-prompt", message, place, f"there are {', '.join(sorted(allowed))}"))
            continue
        found[name] = Prompt(system, template)
    missing = [name for name, kind in NAMES.items() if kind == "single" and name not in found]
    if missing and not problems:
        message = f"{path.name} has no prompt {', '.join(missing)}"
        problems.append(Problem("no-prompt", message, Place(str(path)), "take FastChat's judge_prompts.jsonl"))
    return found


def _unknown(template: str, allowed: frozenset[str]) -> str:
    try:
        named = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError as error:
        return f"a brace alone ({error})"
    return ", ".join(f"'{{{name}}}'" for name in sorted(named - allowed))


def _references(path: Path, problems: list[Problem]) -> dict[str, tuple[str, ...]]:
    """By question, the turns of the first choice: a file of answers in FastChat's format."""
    found: dict[str, tuple[str, ...]] = {}
    for place, value in _lines(path, problems):
        choices = value.get("choices")
        first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        turns = _texts(first.get("turns"))
        if turns is None or "question_id" not in value:
            message = "this is not a reference answer: it needs question_id and choices[0].turns"
            problems.append(Problem("bad-reference", message, place))
        else:
            found[str(value["question_id"])] = turns
    return found
