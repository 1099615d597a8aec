"""The provider `reward`: the model's own numbers, in batches, in pipelines, and what the card says of it."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.api.rebuilding import rebuild
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import load_card
from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Ask
from bezoar_data.llms.providers.base import Refusal, Request, provider_class
from bezoar_data.llms.reward.model import RewardModel
from bezoar_data.pipeline.load import load
from bezoar_data.runs.lock import Lock
from bezoar_data.steps.judges.attributes import JudgeAttributes
from bezoar_data.steps.judges.reward import JudgeReward
from support.drive import drive, row
from support.projects import Project
from support.reward_model import ATTRIBUTES, save_reward_model
from support.scripted_llm import ScriptedLLM


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_reward_model(tmp_path_factory.mktemp("reward") / "model")


def question(step: Any, **columns: Any) -> Ask:
    judge = step(name="judge", llm=ScriptedLLM(answer=lambda messages: "unused"))
    judge.load()
    return next(iter(judge.run_row(row(0, **columns))))


def turns(asked: str, said: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": said}]


async def answers(folder: Path, asks: list[Ask], **more: Any) -> list[Any]:
    model = Model(provider="reward", model=str(folder), **more)
    provider = provider_class("reward")(model)
    await provider.open()
    try:
        requests = [Request(provider.model, ask.messages, ask.schema) for ask in asks]
        return [json.loads(one.text) for (one,) in await asyncio.gather(*map(provider.complete, requests))]
    finally:
        await provider.close()


async def test_it_answers_with_the_models_own_numbers(folder: Path):
    said = ["A river.", "A river, and a bridge over it. " * 3, "No."]
    asks = [question(JudgeReward, prompt="What is there?", response=one) for one in said]
    found = await answers(folder, asks)
    model = RewardModel(folder)
    wanted = model.rewards([turns("What is there?", one) for one in said])
    assert [one["reward"] for one in found] == pytest.approx(wanted, abs=1e-4)
    assert list(found[0]["scores"]) == list(ATTRIBUTES)
    first = found[0]["scores"]
    goodness = 0.65 * first["helpfulness"] + 0.8 * first["correctness"] + 0.45 * first["coherence"]
    assert found[0]["reward"] == pytest.approx(goodness, abs=1e-3)


async def test_attributes_are_the_same_numbers_rounded_to_the_scale(folder: Path):
    """Also of a conversation, which a judge reads as one text."""
    talk = [*turns("Hello", "Hi."), {"role": "user", "content": "What is\n\nthere?"}]
    asks = [question(JudgeAttributes, prompt=asked, response="A river.") for asked in ("What is there?", talk)]
    found = await answers(folder, asks)
    model = RewardModel(folder)
    conversations = [turns("What is there?", "A river."), [*talk, {"role": "assistant", "content": "A river."}]]
    for one, scores in zip(found, model.score([model.encode(c) for c in conversations]), strict=True):
        assert [one[name] for name in ATTRIBUTES] == [min(4, max(0, round(score))) for score in scores]
        assert f"helpfulness {scores[0]:.2f}" in one["reason"]
        assert one["safety"] == "not rated"
    judge = JudgeAttributes(name="judge", llm=ScriptedLLM(answer=lambda messages: "unused"))
    judge.load()
    judged = drive(judge, row(0, prompt="What is there?", response="A river."), [json.dumps(found[0])])
    assert judged.verdict.columns["safety"] is None
    assert judged.verdict.columns["helpfulness"] == found[0]["helpfulness"]


async def test_those_who_wait_are_scored_together(folder: Path, monkeypatch: pytest.MonkeyPatch):
    sizes: list[int] = []
    score = RewardModel.score

    def counted(self: RewardModel, texts: Any, **more: Any) -> Any:
        sizes.append(len(texts))
        return score(self, texts, **more)

    monkeypatch.setattr(RewardModel, "score", counted)
    asks = [question(JudgeReward, prompt=f"What is {i}?", response="A number.") for i in range(40)]
    found = await answers(folder, asks, limits={"concurrency": 16})
    assert len(found) == sum(sizes) == 40
    assert max(sizes) == 16


async def test_what_it_cannot_answer_it_refuses(folder: Path, tmp_path: Path):
    for ask, match in (
        (Ask([{"role": "user", "content": "What is the capital of France?"}]), "nothing else"),
        (question(JudgeReward, prompt="What is there?", response="A river. " * 200), "tokens; the model takes 256"),
    ):
        with pytest.raises(Refusal, match=match):
            await answers(folder, [ask])
    one = save_reward_model(tmp_path / "one", ["reward"])
    with pytest.raises(Refusal, match="does not score helpfulness"):
        await answers(one, [question(JudgeAttributes, prompt="Hi", response="Hello")])


@pytest.mark.parametrize("answer", ["good", '{"reward": "x"}', '{"reward": NaN, "scores": {}}', "[]"])
def test_what_is_no_number_leaves_the_row_without_one(answer: str):
    judge = JudgeReward(name="judge", llm=ScriptedLLM(answer=lambda messages: "unused"))
    judge.load()
    found = drive(judge, row(0, prompt="Hi", response="Hello"), [answer]).verdict
    assert found.columns["reward"] is found.columns["reward_scores"] is None
    assert found.soft_failure is not None


PAIRS = """\
  - use: load_helpsteer2
    with: {path: rows.jsonl, licence: {rows.jsonl: CC0-1.0}}
  - use: judge.reward
    with: {model: judge}
  - use: pairs.best_worst
    with: {by: [prompt_index], score: reward}
"""


@pytest.fixture
def rated(project: Project) -> Project:
    rates = dict.fromkeys(ATTRIBUTES, 2)
    rows = [{"prompt": f"What is {i // 2}?", "response": f"It is {'big' * (i % 5)}.", **rates} for i in range(20)]
    (project.folder / "rows.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    project.pipeline(PAIRS)
    return project


def test_pairs_are_ranked_by_it_and_the_card_says_what_it_is(rated: Project, folder: Path):
    models = {"version": 1, "roles": {"judge": {"provider": "reward", "model": str(folder)}}}
    (rated.folder / "models.yaml").write_text(json.dumps(models))
    ran = rated.run("--max-cost", "1")
    assert ran.code == 0, ran.err
    model = RewardModel(folder)
    kept = rated.kept()
    assert len(kept) > 5
    for pair in kept:
        better, worse = model.rewards([[*pair["prompt"], *pair[side]] for side in ("chosen", "rejected")])
        assert pair["chosen_score"] == pytest.approx(better, abs=1e-3)
        assert pair["margin"] == pytest.approx(better - worse, abs=1e-3)
        assert better > worse
    (locked,) = Lock.read(rated.folder / "runs/test/dataset/lock.json").models
    record = json.loads((folder / "stage.json").read_text())
    assert (locked.model, locked.revision, locked.rules) == ("r/s0", record["key"], False)
    assert locked.output_licence.id == "apache-2.0 AND CC-BY-4.0"
    card = (rated.folder / "runs/test/dataset/README.md").read_text()
    assert "trained on ratings (lock" in card
    # The same again asks nobody: its answers stand in the journal, under the model's key.
    assert rated.journalled() == 20
    assert rated.run().code == 0
    assert rated.journalled() == 20


@pytest.mark.parametrize("how", ["data", "base"])
def test_what_a_model_judged_that_learnt_from_demo_rows_is_demo(rated: Project, folder: Path, tmp_path: Path, how: str):
    learnt = shutil.copytree(folder, tmp_path / "learnt")
    record = json.loads((learnt / "stage.json").read_text())
    if how == "data":
        record["data"]["demo"] = True
    else:
        record["base"] = {"make": {}}
    (learnt / "stage.json").write_text(json.dumps(record))
    models = {"version": 1, "roles": {"judge": {"provider": "reward", "model": str(learnt)}}}
    (rated.folder / "models.yaml").write_text(json.dumps(models))
    ran = rated.run()
    assert ran.code == 0, ran.err
    dataset = rated.folder / "runs/test/dataset"
    lock = Lock.read(dataset / "lock.json")
    assert ([model.demo for model in lock.models], lock.demo) == ([True], True)
    assert all(json.loads(pair["_bezoar"])["demo"] for pair in rated.kept())
    front = load_card(dataset / "README.md").front
    assert ("demo" in front["tags"], front["bezoar"]["demo"]) == (True, True)
    # Where the model is not, as with a pulled dataset, it stays one.
    rebuilt = rebuild(rated.folder / "runs/test", tmp_path / "scratch")
    assert rebuilt.differences == ()


def test_a_model_that_says_texts_is_told_before_the_run(rated: Project, folder: Path):
    rated.models("http://127.0.0.1:9/v1")
    with pytest.raises(InputError) as caught:
        load(rated.folder / "pipeline.yaml")
    (problem,) = caught.value.problems
    assert problem.code == "cannot-answer"
    assert "provider: reward" in problem.hint


def test_a_folder_without_a_reward_model_is_told_before_the_run(rated: Project, tmp_path: Path):
    models = {"version": 1, "roles": {"judge": {"provider": "reward", "model": str(tmp_path / "none")}}}
    (rated.folder / "models.yaml").write_text(json.dumps(models))
    with pytest.raises(InputError, match=r"no stage\.json"):
        load(rated.folder / "pipeline.yaml")
