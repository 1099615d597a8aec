"""Projects with a mistake in them, each found at its place. `§code§` stands right before the place of each problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bezoar_data.cli.checking import check_files
from bezoar_data.config.problems import Problem
from bezoar_data.config.render import render_problems
from support.marks import expected

PIPELINE, MODELS, CARD = "pipelines/p.yaml", "pipelines/models/m.yaml", "cards/c.md"
RUBRIC, PROMPTS = "pipelines/rubric.yaml", "pipelines/prompts.yaml"
GENERATE = (
    "  - use: lamini.generate\n    with: {model: teacher, target: 3, prompts: prompts.yaml}\n  - use: lamini.respond"
)
RIGHT = {
    PIPELINE: """\
name: p
version: 1
card: ../cards/c.md
models: models/m.yaml
steps:
  - use: load_instructions
    with: {path: rows.jsonl, licence: CC0-1.0}
  - use: lamini.respond
    with: {model: teacher}
  - use: judge.accept
    with: {model: judge, instruction: instruction, response: response, system: "", reference: ""}
""",
    MODELS: """\
version: 1
roles:
  teacher:
    provider: placeholder
    model: placeholder
  judge:
    provider: openai
    model: gpt
    base_url: http://localhost:1/v1
    api_key_env: SET_API_KEY
    sampling: {max_tokens: 9}
    price: {input: 1, output: 1, read: 2026-01-31}
""",
    CARD: """\
---
license: cc-by-4.0
language: en
tags: [a]
bezoar:
  views:
    sft: {prompt: instruction, response: response}
  fields: {instruction: What is asked}
---
# {{ title }}
{{ sections.summary }}
""",
    RUBRIC: """\
version: 1
purpose: Is it good?
task: Judge it.
criteria: [{name: Right, question: Is it right?}]
scale: [{rating: 1, meaning: No.}, {rating: 2, meaning: Yes.}]
verdict: Accept from 2 on.
""",
    PROMPTS: """\
version: 1
generate:
  example_guided: "Write {{ count }} new ones as <example>, like {% for e in examples %}{{ e }}{% endfor %}"
  topic_guided: "On {{ topics | join(', ') }} as <example>: {% for e in examples %}{{ e }}{% endfor %}"
respond: {system: Be brief.}
""",
    "pipelines/rows.jsonl": '{"instruction": "Count to three."}\n',
}

Change = tuple[str, str, str]
"""A file, a piece of its text, and what stands there instead. The empty piece is the whole text."""

ROWS, RESPOND, JUDGE = "{path: rows.jsonl, licence: CC0-1.0}", "with: {model: teacher}", "- use: judge.accept"
SFT, LICENCE = "sft: {prompt: instruction, response: response}", "license: cc-by-4.0"
KEY, PRICED = "SET_API_KEY", "    price: {input: 1, output: 1, read: 2026-01-31}\n"

CASES: dict[str, tuple[Change, ...]] = {
    # steps
    "an unknown step": ((PIPELINE, "lamini.respond", "§unknown-step§lamini.respnd"),),
    "an unknown setting": ((PIPELINE, RESPOND, "with: {model: teacher, §unknown-key§retry: 3}"),),
    "a setting of the wrong type": ((PIPELINE, RESPOND, "with: {model: teacher, retries: §wrong-type§many}"),),
    "a setting out of bounds": ((PIPELINE, RESPOND, "with: {model: teacher, retries: §bad-value§-1}"),),
    "a setting that is missing": ((PIPELINE, RESPOND, "§missing-key§with: {retries: 1}"),),
    "two of which one is wanted": ((PIPELINE, "{path: rows.jsonl", "{path: rows.jsonl, hub: §bad-value§a/b"),),
    "a role that nobody fills": ((PIPELINE, RESPOND, "with: {model: §unknown-role§techer}"),),
    "a column that nobody writes": ((PIPELINE, "instruction: instruction", "instruction: §missing-column§question"),),
    "a column written twice": (
        (PIPELINE, JUDGE, "- use: §column-twice§lamini.respond\n    id: again\n    with: {model: teacher}\n  " + JUDGE),
    ),
    "a column of the lineage": ((PIPELINE, ROWS, "{path: rows.jsonl, keep: §reserved-column§[seed_ids]}"),),
    "a source in the middle": (
        (
            PIPELINE,
            JUDGE,
            "- use: §source-after§load_instructions\n    id: b\n    with: {path: rows.jsonl}\n  " + JUDGE,
        ),
    ),
    "no source": ((PIPELINE, f"  - use: load_instructions\n    with: {ROWS}\n  - use: ", "  - use: §no-rows§"),),
    "two ends": (
        (PIPELINE, f"  {JUDGE}\n", "  - use: judge.accept\n    after: load_instructions\n"),
        (PIPELINE, "use: lamini.respond", "use: §several-ends§lamini.respond"),
        (PIPELINE, "response: response, ", "response: instruction, "),
    ),
    "a circle of steps": ((PIPELINE, RESPOND, f"after: §circle§judge-accept\n    {RESPOND}"),),
    "after a step that is not there": ((PIPELINE, RESPOND, f"after: §unknown-step§loader\n    {RESPOND}"),),
    "rows of one branch without the column": (
        (
            PIPELINE,
            f"  {JUDGE}\n",
            "  - {use: sample, after: load_instructions, with: {rows: 1}}\n  "
            + JUDGE
            + "\n    after: [lamini-respond, sample]\n    join: union\n",
        ),
        (PIPELINE, "response: response", "response: §missing-column§response"),
    ),
    "branches that wrote one column": (
        (
            PIPELINE,
            f"  {JUDGE}\n",
            "  - {use: clean, after: load_instructions, with: {column: instruction}}\n  "
            + JUDGE
            + "\n    after: §column-twice§[lamini-respond, clean]\n    join: join\n",
        ),
    ),
    "rows that are not there": ((PIPELINE, "rows.jsonl", "§missing-file§row.jsonl"),),
    "a step that distilabel does not have": ((PIPELINE, "lamini.respond", "§unknown-step§distilabel:TextGeneratoin"),),
    "a template that names no column": (
        (PIPELINE, "lamini.respond", "distilabel:TextGeneration"),
        (PIPELINE, RESPOND, 'with: {model: teacher, template: §missing-column§"{{ instructon }}"}'),
        (PIPELINE, "response: response", "response: generation"),
        (CARD, "response: response", "response: generation"),
    ),
    "a template that is none": (
        (PIPELINE, "lamini.respond", "distilabel:TextGeneration"),
        (PIPELINE, RESPOND, 'with: {model: teacher, template: §bad-template§"{{ instruction"}'),
        (PIPELINE, "response: response", "response: generation"),
        (CARD, "response: response", "response: generation"),
    ),
    # what a pipeline names
    "a rubric with a mistake": (
        (PIPELINE, "{model: judge", "{model: judge, rubric: rubric.yaml"),
        (RUBRIC, "scale:", "§unknown-key§scales: []\nscale:"),
    ),
    "a prompt whose variable nobody fills": (
        (PIPELINE, "  - use: lamini.respond", GENERATE),
        (PROMPTS, "example_guided: ", "example_guided: §bad-template§"),
        (PROMPTS, "{{ count }} new", "{{ counts }} new"),
    ),
    "a card that is not there": ((PIPELINE, "card: ../cards/c.md", "card: §missing-file§../cards/d.md"),),
    "a models file that is not there": ((PIPELINE, "models: models/m.yaml", "models: §missing-file§models/n.yaml"),),
    "no models file": (
        (PIPELINE, "models: models/m.yaml\n", ""),
        (PIPELINE, "{model: teacher}", "{model: §no-models§teacher}"),
        (PIPELINE, "{model: judge", "{model: §no-models§judge"),
    ),
    # models
    "a model without a price under a budget": (
        (PIPELINE, "version: 1", "version: 1\nmax_cost: 2"),
        (MODELS, PRICED, ""),
        (MODELS, "judge:", "§no-price§judge:"),
    ),
    "a model without an end under a budget": (
        (PIPELINE, "version: 1", "version: 1\nmax_cost: 2"),
        (MODELS, "    sampling: {max_tokens: 9}\n", ""),
        (MODELS, "judge:", "§no-max-tokens§judge:"),
    ),
    "a key that is not set": ((MODELS, KEY, "§no-key§UNSET_API_KEY"),),
    "a key that cannot be one": ((MODELS, KEY, "§bad-key§ODD_API_KEY"),),
    "a key in the file": ((MODELS, KEY, "§bad-value§sk-abcdefgh12345678"),),
    "a provider that does not exist": ((MODELS, "provider: openai", "provider: §unknown-provider§opnai"),),
    "a sampling value out of bounds": ((MODELS, "{max_tokens: 9}", "{temperature: §bad-value§3, max_tokens: 9}"),),
    "a price without its date": ((MODELS, ", read: 2026-01-31", ""), (MODELS, "price:", "§missing-key§price:")),
    "an address without a scheme": ((MODELS, "http://localhost", "§bad-url§localhost"),),
    "batches where there are none": (
        (MODELS, "model: placeholder", "model: placeholder\n    mode: §no-batch-api§batch"),
    ),
    "an address and key both missing": (
        (MODELS, "    base_url: http://localhost:1/v1\n    api_key_env: SET_API_KEY\n", ""),
        (MODELS, "judge:", "§no-key-variable§judge:"),
    ),
    # cards
    "a view of a column that is not made": (
        (CARD, SFT, "sft: {prompt: instruction, response: §unknown-column§answer}"),
    ),
    "a view that does not exist": ((CARD, SFT, "§unknown-key§stf: {prompt: instruction, response: response}"),),
    "a view without an answer": ((CARD, SFT, "§missing-key§sft: {prompt: instruction}"),),
    "a role that no view has": ((CARD, SFT, "sft: {prompt: instruction, response: response, §unknown-key§sys: a}"),),
    "a licence nobody knows": ((CARD, LICENCE, "license: §unknown-licence§cc-by-9.0"),),
    "a licence that is a number": ((CARD, LICENCE, "license: §wrong-type§4"),),
    "another licence without a name": ((CARD, LICENCE, "license: §missing-key§other"),),
    "a key of the Hub misspelt": ((CARD, LICENCE, "§unknown-key§licence: cc-by-4.0"),),
    "a key of ours misspelt": ((CARD, "  views:", "  §unknown-key§veiws:"),),
    "a key of the front matter twice": ((CARD, "tags: [a]", "tags: [a]\n§duplicate-key§language: de"),),
    "tags that are numbers": ((CARD, "tags: [a]", "tags: [a, §wrong-type§3]"),),
    "a meaning that is a list": ((CARD, "What is asked", "§wrong-type§[What]"),),
    "a card that is no card": ((CARD, "", "§no-front-matter§# Only words\n"),),
    "front matter without an end": ((CARD, "", "§open-front-matter§---\nlicense: mit\n"),),
    "a card's front matter that is broken": ((CARD, "tags: [a]\nbezoar", "tags: [a\nbezoar§yaml-syntax§"),),
    "a source's licence misspelt": ((PIPELINE, "CC0-1.0", "§unknown-licence§CCO-1.0"),),
    "a licence that the source forbids": (
        (PIPELINE, "CC0-1.0", "CC-BY-NC-4.0"),
        (CARD, LICENCE, "license: §licence-conflict§cc-by-4.0"),
    ),
    "a licence that the judge's owner forbids": (
        (MODELS, PRICED, PRICED + '    output_licence: {id: mine, commercial: "no"}\n'),
        (CARD, LICENCE, "license: §licence-conflict§[cc-by-4.0]"),
    ),
    "known terms that the card makes laxer": (
        (CARD, "  fields:", "  terms:\n    §terms-contradicted§CC-BY-NC-4.0: {commercial: 'yes'}\n  fields:"),
    ),
    "a known model's terms that the models file makes laxer": (
        (MODELS, "model: gpt\n", "model: openai/GPT-4o\n"),
        (MODELS, PRICED, PRICED + "    §terms-contradicted§output_licence: {id: MIT, commercial: 'yes'}\n"),
    ),
    "public domain where makers are to be named": (
        (PIPELINE, "CC0-1.0", "CC-BY-4.0"),
        (CARD, LICENCE, "license: §licence-conflict§cc0-1.0"),
    ),
    # several at once
    "many, in every file": (
        (PIPELINE, "version: 1\n", "version: 1\nsplits: {validation: 0.2}\n"),
        (PIPELINE, "lamini.respond", "§unknown-step§lamini.respnd"),
        (PIPELINE, "rows.jsonl", "§missing-file§none.jsonl"),
        (MODELS, "gpt\n", "gpt\n    §unknown-key§modle: x\n"),
        (MODELS, "{max_tokens: 9}", "{max_tokens: §bad-value§0}"),
        (CARD, SFT, "§missing-key§sft: {prompt: instruction, §unknown-key§answer: response}"),
        (CARD, "language: en", "language: §wrong-type§7"),
    ),
}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[str, str, int, int]]]:
    """Writes the right project with changes, and gives the problems that their marks say."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SET_API_KEY", "k-123456")
    monkeypatch.setenv("ODD_API_KEY", "two words")
    monkeypatch.delenv("UNSET_API_KEY", raising=False)

    def write(changes: tuple[Change, ...], files: Mapping[str, str] = RIGHT) -> list[tuple[str, str, int, int]]:
        texts = dict(files)
        for file, old, new in changes:
            assert old in texts[file], f"{old!r} is not in {file}"
            texts[file] = texts[file].replace(old, new, 1) if old else new
        wanted = []
        for file, text in texts.items():
            plain, marked = expected(text)
            wanted += [(file, *place) for place in marked]
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text(plain, encoding="utf-8")
        return sorted(wanted)

    return write


def places(problems: tuple[Problem, ...]) -> list[tuple[str, str, int | None, int | None]]:
    return sorted((p.place.file, p.code, p.place.line, p.place.column) for p in problems if p.place)


def test_the_right_project_is_right(write: Callable[..., object]) -> None:
    write(())
    checked = check_files([Path("pipelines"), Path("cards")])
    assert [kind for _, kind in checked.files] == ["models", "pipeline", "card"]
    assert checked.problems == ()


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES.keys())
def test_each_mistake_is_found_at_its_place_and_no_other(
    write: Callable[..., object], changes: tuple[Change, ...]
) -> None:
    wanted = write(changes)
    problems = check_files([Path("pipelines"), Path("cards")]).problems
    assert places(problems) == wanted, render_problems(problems)
    assert all(p.message and p.place for p in problems)
    assert "Traceback" not in render_problems(problems)
