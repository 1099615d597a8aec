"""Pipelines with steps that are not ours, run in this process against a server that answers distilabel's tasks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.runs.row import made_id
from support.fault_server import FaultServer
from support.projects import Project, both_engines_agree, run_here, with_writer

LOAD = """\
  - use: load_instructions
    with: {path: rows.jsonl, keep: [a, b]}
"""
CHAIN = (
    LOAD
    + """\
  - use: distilabel:MergeColumns
    with: {columns: [a, b], output_column: texts}
  - use: distilabel:UltraFeedback
    with: {model: judge, aspect: overall-rating}
    columns: {generations: texts, model_name: who}
  - use: distilabel:EvolInstruct
    with: {model: teacher, num_evolutions: 2, generate_answers: true}
  - use: distilabel:TextGeneration
    with: {model: teacher, num_generations: 2}
    columns: {instruction: evolved_instruction}
  - use: distilabel:KeepColumns
    with: {columns: [evolved_instruction, generation, ratings, who]}
"""
)


def give(project: Project, count: int, mark: Mapping[int, str] | None = None) -> None:
    rows = [
        {"instruction": f"Say {i}. {(mark or {}).get(i, '')}".strip(), "a": f"one {i}", "b": f"two {i}"}
        for i in range(count)
    ]
    (project.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def problems(project: Project, steps: str) -> list[str]:
    with pytest.raises(InputError) as error:
        run_here(project, steps)
    assert all(p.place is not None and p.place.line for p in error.value.problems)
    return [f"{p.code}: {p.message} ({p.hint})" for p in error.value.problems]


def test_a_chain_of_distilabels_steps_keeps_lineage_and_pays_nothing_twice(
    mine: Project, answering: FaultServer
) -> None:
    give(mine, 6, {2: "[[unparsable]]", 4: "[[400]]"})
    report = run_here(mine, CHAIN)
    steps = {s["id"]: s for s in report["steps"]}
    assert steps["ultra-feedback"]["dropped"] == {"http_400": 1, "unparsable_answer": 1}
    assert (steps["text-generation"]["rows_in"], steps["text-generation"]["rows_out"]) == (8, 8)
    assert all(s["rows_in"] == s["rows_out"] + sum(s["dropped"].values()) for s in steps.values())
    kept, dropped = mine.kept(), mine.dropped()
    assert len({r["id"] for r in kept}) == 8
    assert all(r["id"] in {made_id(r["parent_ids"], "text-generation", k) for k in (0, 1)} for r in kept)
    shown = {"evolved_instruction", "generation", "ratings", "who", "id", "content_hash", "seed_ids", "parent_ids"}
    assert set(kept[0]) - {"_bezoar"} == shown
    assert {r["who"] for r in kept} == {"tester"}
    unparsable = next(r for r in dropped if r["reason"] == "unparsable_answer")
    assert len(unparsable["raw"].split()) == 20
    keys = json.loads(kept[0]["_bezoar"])["keys"]
    assert {step: len(k) for step, k in keys.items()} == {"ultra-feedback": 1, "evol-instruct": 3, "text-generation": 1}
    before, asked = mine.files(), answering.stats()["requests"]
    assert run_here(mine)["asked"]["requests"] == 0
    assert (mine.files(), answering.stats()["requests"]) == (before, asked)


def test_evolutions_draw_the_same_whatever_answer_comes_first(mine: Project, answering: FaultServer) -> None:
    steps = LOAD + "  - use: distilabel:EvolInstruct\n    with: {model: teacher, num_evolutions: 2}\n"
    give(mine, 30)
    run_here(mine, steps)
    first = mine.files()
    answering.set(tasks=True, spread=0.05)
    for name in ("journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"):
        (mine.folder / "runs" / name).unlink(missing_ok=True)
    answering.set(tasks=True, spread=0.05, seed=3, together=6)  # rows that draw are asked for together all the same
    assert run_here(mine)["asked"]["requests"] == 60
    assert mine.files() == first


def test_a_resumed_run_asks_only_what_it_had_not(mine: Project, answering: FaultServer) -> None:
    steps = LOAD + "  - use: distilabel:EvolInstruct\n    with: {model: teacher, num_evolutions: 2}\n"
    give(mine, 10)
    assert run_here(mine, steps, limit=4)["asked"]["requests"] == 8
    assert run_here(mine)["asked"]["requests"] == 12


COUNT = "  - use: my_steps:Count\n    with: {upto: 12}\n"


@pytest.fixture
def stepper(mine: Project) -> Project:
    shutil.copy(Path(__file__).parents[1] / "support" / "my_steps.py", mine.folder)
    return mine


def test_a_persons_own_task_source_and_steps(stepper: Project) -> None:
    steps = (
        COUNT
        + """\
  - use: my_steps:OddOnly
  - use: my_steps:Rank
  - use: my_steps:Headline
    with: {model: teacher, words: 2}
  - use: my_steps:Loud
    with: {mark: "?"}
    columns: {text: headline}
"""
    )
    report = run_here(stepper, steps)
    dropped = {s["id"]: s["dropped"] for s in report["steps"] if s["dropped"]}
    assert dropped == {"odd-only": {"left_out": 6, "step_error": 1}, "rank": {"left_out": 1}}
    error = next(r for r in stepper.dropped() if r["reason"] == "step_error")
    assert error["detail"] == "RuntimeError: seven"
    kept = stepper.kept()
    assert [r["text"] for r in kept] == ["Say 1.", "Say 3.", "Say 5.", "Say 9."], "the source's order"
    assert [r["rank"] for r in kept] == [0, 2, 3, 4]
    assert all(r["loud"] == r["headline"].upper() + "?" and len(r["headline"].split()) == 2 for r in kept)
    lock = json.loads((stepper.folder / "runs/test/dataset/lock.json").read_text())
    assert {s["id"]: s["files"] for s in lock["steps"]}["rank"]["use"][0]["name"] == "my_steps.py"
    assert lock["sources"][0]["name"] == "count"
    assert lock["sources"][0]["rows"] == 12


def test_the_same_question_asked_twice_is_two_questions(stepper: Project) -> None:
    stepper.models(stepper_url(stepper), sampling={"max_tokens": 256, "seed": 5})
    report = run_here(stepper, COUNT + "  - use: my_steps:Twice\n    with: {model: teacher}\n")
    assert report["asked"]["requests"] == 24
    kept = stepper.kept()
    assert all(r["first"] != r["second"] for r in kept), "the second is asked with another seed"
    assert len({r["drawn"] for r in kept}) == 12
    before = stepper.files()
    assert run_here(stepper)["asked"]["requests"] == 0
    assert stepper.files() == before


def test_a_task_over_all_rows_asks_through_the_journal(stepper: Project) -> None:
    report = run_here(stepper, COUNT + "  - use: my_steps:Sum\n    with: {model: teacher}\n")
    assert report["asked"]["requests"] == 13
    kept = stepper.kept()
    assert len({r["one"] for r in kept}) == 12
    assert len({r["all"] for r in kept}) == 1
    keys = [json.loads(r["_bezoar"])["keys"]["sum"] for r in kept]
    assert [len(k) for k in keys] == [2] * 12
    assert len({k[0] for k in keys}) == 12
    assert run_here(stepper)["asked"]["requests"] == 0


def stepper_url(project: Project) -> str:
    text = (project.folder / "models.yaml").read_text()
    url: str = json.loads(text.split("roles: ", 1)[1])["teacher"]["base_url"]
    return url


def test_one_of_our_own_kind_needs_no_adapter(mine: Project) -> None:
    (mine.folder / "kind.py").write_text(
        dedent(
            '''
            from bezoar_data.steps.base import Dropped, Kept, RowStep

            class Short(RowStep):
                """Keeps short ones."""
                use = "short"
                reads = ("{column}",)
                column: str = "instruction"

                def run_row(self, row):
                    if "3" in row[self.column]:
                        return Dropped("three")
                    return Kept(row.columns)
                    yield
            '''
        )
    )
    give(mine, 5)
    report = run_here(mine, LOAD + "  - use: kind:Short\n    with: {column: a}\n")
    assert report["steps"][1]["dropped"] == {"three": 1}
    assert (
        "unknown-key: 'kind:Short' has no setting 'colum'"
        in problems(mine, LOAD + "  - use: kind:Short\n    with: {colum: a}\n")[0]
    )


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (COUNT + "  - use: my_steps:Nothing\n", "unknown-step: the module 'my_steps' has no 'Nothing'"),
        (COUNT + "  - use: my_steps:Ours\n", "unknown-step: the module 'my_steps' has something else than a step"),
        (COUNT + "  - use: no_such:Step\n", "unknown-step: there is no module 'no_such'"),
        (COUNT + "  - use: broken:Step\n", "step-import: 'broken:Step' cannot be imported: ZeroDivisionError"),
        (COUNT + "  - use: my_steps:Headline\n    with: {model: teacher, wrds: 2}\n", "did you mean 'words'"),
        (COUNT + "  - use: my_steps:Headline\n    with: {model: teacher, words: 0}\n", "greater than 0, not 0"),
        (COUNT + "  - use: my_steps:Headline\n    with: {model: nobody}\n", "unknown-role: there is no role 'nobody'"),
        (COUNT + "  - use: my_steps:Headline\n", "missing-key: 'my_steps:Headline' needs the setting 'model'"),
        (COUNT + "  - use: my_steps:Loud\n    columns: {txt: text}\n", "did you mean 'text'"),
        (COUNT + "  - use: my_steps:Loud\n    columns: {text: other}\n", "missing-column: no step before provides"),
        (COUNT + "  - use: my_steps:Forgetful\n", "untraceable-row"),
        ("  - use: my_steps:Loud\n", "no-rows: 'my_steps:Loud' takes rows, but nothing comes before it"),
        (COUNT + "  - use: distilabel:Magpie\n    with: {model: teacher}\n", "no-user-turn"),
        (COUNT + "  - use: distilabel:GroupColumns\n", "refused-step: 'distilabel:GroupColumns' cannot be used here"),
        (COUNT + "  - use: distilabel:GenerateTextRetrievalData\n    with: {model: teacher}\n"
         "    columns: {task: text}\n", "untrusted-code"),
        (COUNT + "  - use: distilabel:PrometheusEval\n    with: {model: teacher, mode: absolute, rubric: none}\n"
         "    columns: {instruction: text, generation: text2}\n", "missing-column"),
        (LOAD + "  - use: length\n    with: {column: a}\n    columns: {a: b}\n", "external-only: 'columns' is for"),
    ],
    ids=lambda value: value.partition(":")[0] if "  - use" not in value else "",
)  # fmt: skip
def test_mistakes_are_told_before_anything_is_asked(
    stepper: Project, answering: FaultServer, steps: str, said: str
) -> None:
    (stepper.folder / "broken.py").write_text("1 / 0\n")
    give(stepper, 2)
    asked = answering.stats()["requests"]
    found = problems(stepper, steps) if said != "untraceable-row" else _ends(stepper, steps)
    assert any(said in line for line in found), found
    assert answering.stats()["requests"] == asked


def _ends(project: Project, steps: str) -> list[str]:
    with pytest.raises(InputError) as error:
        run_here(project, steps)
    return [f"{p.code}: {p.message}" for p in error.value.problems]


def test_text_run_as_code_wants_to_be_trusted(mine: Project) -> None:
    give(mine, 2)
    steps = LOAD + (
        "  - use: distilabel:GenerateShortTextMatchingData\n    with: {model: teacher}\n"
        "    columns: {task: instruction, input: text}\n"
    )
    report = run_here(mine, steps, trust_code=True)
    assert report["steps"][1]["rows_out"] == 2


@pytest.mark.slow
def test_both_engines_give_the_same_bytes(stepper: Project) -> None:
    give(stepper, 7, {2: "[[unparsable]]", 4: "[[400]]"})
    stepper.pipeline(CHAIN, tolerate=1.0)
    both_engines_agree(stepper)


@pytest.mark.slow
def test_both_engines_run_a_persons_own_steps(stepper: Project) -> None:
    own = COUNT + (
        "  - use: my_steps:OddOnly\n  - use: my_steps:Rank\n"
        "  - use: my_steps:Twice\n    with: {model: teacher}\n"
        "  - use: my_steps:Sum\n    with: {model: judge}\n"
    )
    stepper.pipeline(own, tolerate=1.0)
    both_engines_agree(stepper)


def test_magpie_writes_the_users_turn_anew_for_each_row(mine: Project, answering: FaultServer) -> None:
    with_writer(mine, answering.url)
    give(mine, 3)
    steps = LOAD + "  - use: distilabel:Magpie\n    with: {model: writer}\n    columns: {instruction: asked}\n"
    report = run_here(mine, steps)
    assert report["asked"]["requests"] == 6
    last = answering.stats()["last_body"]
    assert last["prompt"].startswith("<|im_start|>user\n")
    assert last["prompt"].endswith("<|im_end|>\n<|im_start|>assistant\n")
    assert len({r["asked"] for r in mine.kept()}) == 3
    assert run_here(mine)["asked"]["requests"] == 0
