"""Our steps driven the way distilabel's own runner drives them: batches in, batches out, no row lost."""

import pytest
from distilabel.pipeline import Pipeline
from distilabel.steps.tasks.base import Task

from bezoar_data.runs.row import Drop, Lineage, Row
from bezoar_data.steps.judges.accept import JudgeAccept
from bezoar_data.steps.judges.attributes import JudgeAttributes
from bezoar_data.steps.lamini.respond import LaminiRespond
from bezoar_data.steps.orca.explain import OrcaExplain
from bezoar_data.steps.orca.system_message import OrcaSystemMessage
from bezoar_data.steps.pack import Pack
from bezoar_data.steps.verdicts import RUN_ENDED
from support.scripted_llm import ScriptedLLM

VERDICT = '{"reason": "Right.", "rating": 5, "status": "Accept"}'


def rows(count: int) -> list[Row]:
    columns = {"task_source": "CoT", "targets": "so", "system_message": "Explain."}
    return [Row({"inputs": f"Q{i}", **columns}, Lineage(id=f"r{i}", order=(i,))) for i in range(count)]


def teacher(messages: list[dict[str, str]]) -> str | None:
    question = messages[-1]["content"]
    if question == "Q1":
        return ""
    return None if question == "Q2" else f"Because of {question}."


def run(step, given: list[Row]) -> list[Row]:
    (batch,) = step.process([r.encode() for r in given])
    return [Row.decode(r) for r in batch]


def test_every_row_comes_out_once_kept_or_marked() -> None:
    given = rows(5)
    given[4].lineage = given[4].lineage.dropped(Drop("earlier", "bad"))
    llm = ScriptedLLM(answer=teacher)
    (batch,) = OrcaExplain(name="explain", llm=llm, retries=1).process([r.encode() for r in given])
    out = [Row.decode(r) for r in batch]
    assert [r.id for r in out] == [f"r{i}" for i in range(5)]
    ended = [r.lineage.drop.reason if r.lineage.drop else r["explained_targets"] for r in out]
    assert ended == ["Because of Q0.", "empty_answer", "no_usable_answer", "Because of Q3.", "bad"]
    assert all("explained_targets" in r for r in batch), "later steps expect the column of dropped rows too"
    asked = [m[-1]["content"] for m in llm.asked]
    assert asked.count("Q1") == 2
    assert "Q4" not in asked


def test_the_answering_model_stands_in_the_lineage() -> None:
    (out,) = run(OrcaExplain(name="explain", llm=ScriptedLLM(answer=teacher)), rows(1))
    assert out.lineage.models == {"explain": "scripted"}


def test_the_scheme_runs_from_step_to_step() -> None:
    out = run(OrcaSystemMessage(name="system"), rows(2))
    out = run(OrcaExplain(name="explain", llm=ScriptedLLM(answer=teacher), retries=0), out)
    said = iter(["no verdict", VERDICT])
    judge = JudgeAccept(name="judge", llm=ScriptedLLM(answer=lambda messages: next(said)))
    first, second = run(judge, out)
    assert (first["judge_status"], first["judge_rating"], first["judge_reason"]) == ("Accept", 5, "Right.")
    assert second.lineage.drop is not None
    assert (second.lineage.drop.step, "judge_status" in second.columns) == ("explain", False)


def test_rows_travel_packed_where_a_pipeline_packs_them_and_open_in_a_script() -> None:
    with Pipeline(name="test") as pipeline:
        step = OrcaSystemMessage(name="system")
        batch = [r.encode() for r in rows(2)]
        ((open_row, _),) = step.process(batch)
        assert (open_row["inputs"], open_row["targets"]) == ("Q0", "so")
        Pack(name="pack", pipeline=pipeline)
    ((packed, other),) = step.process([batch[0], {**batch[1], "extra": object()}])
    assert list(packed) == ["_bezoar"]
    assert Row.decode(packed).columns == Row.decode(open_row).columns
    ended = Row.decode(other).lineage.drop
    assert ended is not None
    assert (ended.reason, "'extra' cannot be in a row" in ended.detail) == (RUN_ENDED, True)


def test_a_plain_distilabel_script_needs_no_lineage_column() -> None:
    step = OrcaExplain(name="explain", llm=ScriptedLLM(answer=teacher))
    (batch,) = step.process([{"inputs": "Q0", "system_message": ""}])
    assert batch[0]["explained_targets"] == "Because of Q0."


@pytest.mark.parametrize(
    ("step", "row", "answer", "columns"),
    [
        (OrcaExplain, {"inputs": "Q", "system_message": ""}, "Because.", {"explained_targets": "Because."}),
        (
            JudgeAccept,
            {"inputs": "Q", "explained_targets": "A", "system_message": "", "targets": ""},
            VERDICT,
            {"judge_status": "Accept", "judge_rating": 5, "judge_reason": "Right."},
        ),
        (LaminiRespond, {"instruction": "Q"}, "A.", {"response": "A."}),
        (
            JudgeAttributes,
            {"instruction": "Q", "response": "A"},
            "no scores",
            dict.fromkeys(JudgeAttributes(name="a", llm=ScriptedLLM(answer=str)).outputs),
        ),
    ],
)
def test_a_step_that_asks_once_is_a_distilabel_task(step, row, answer, columns) -> None:
    asked: list[object] = []

    def model(messages):
        asked.append(messages)
        return answer

    made = step(name="step", llm=ScriptedLLM(answer=model))
    assert isinstance(made, Task)
    assert made.format_output(answer, row) == columns
    made.load()
    ((out,),) = Task.process(made, [row])  # distilabel's own way: one question, one reading
    assert {name: out[name] for name in columns} == columns
    prompt = made.format_input(row)
    assert asked == [prompt[0] if isinstance(prompt, tuple) else prompt]


def test_a_task_has_no_question_for_a_row_that_it_drops_without_asking() -> None:
    with pytest.raises(ValueError, match="asks nothing"):
        OrcaExplain(name="explain", llm=ScriptedLLM(answer=teacher)).format_input({"inputs": " ", "system_message": ""})
