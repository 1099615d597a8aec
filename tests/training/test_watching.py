"""What is seen of a training: TensorBoard's logs, samples, curves; and that watching changes nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.runs.stage_record import SAMPLES, trained_stage
from bezoar_data.training.sampling import read_samples
from training.conftest import HEAD, Recipe, card, trained

STAGES: list[dict[str, Any]] = [
    {"use": "sft", "card": card("lamini"), "split": {"rows": 12}},
    {"use": "dpo", "card": card("hh-rlhf-dpo"), "split": {"rows": 8, "validation": "validation"}},
    {"use": "merge"},
]
FEW = {**HEAD["training"], "max_steps": 5, "per_device_train_batch_size": 2, "save_strategy": "no"}
FEW |= {"load_best_model_at_end": False, "eval_steps": 2}


@pytest.fixture(scope="module")
def folders(two_runs: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same stages, watched and not."""
    folder = tmp_path_factory.mktemp("watching")
    watched = {"samples": {"prompts": 2, "every": 2, "max_tokens": 16}, "training": {**FEW, "report_to": "tensorboard"}}
    for name, more in (("watched", watched), ("alone", {"training": FEW})):
        recipe = {**HEAD, "quantisation": None, **more, "stages": STAGES}
        (folder / f"{name}.yaml").write_text(json.dumps(recipe))
        trained(folder / f"{name}.yaml", two_runs, folder / name)
    return folder / "watched", folder / "alone"


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_what_was_said_is_read_whole(tmp_path: Path):
    said = [{"step": 0, "answer": "one\u2028two"}, {"step": 1, "answer": "three"}]
    text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in said)
    (tmp_path / SAMPLES).write_text(text + '{"step": 2, "ans')
    assert read_samples(tmp_path) == said


def test_watching_changes_nothing(folders: tuple[Path, Path]):
    watched, alone = folders
    for name in ("sft/adapter_model", "dpo/adapter_model", "merge/model"):
        assert (watched / f"{name}.safetensors").read_bytes() == (alone / f"{name}.safetensors").read_bytes()
    keys = [[json.loads((f / n / "stage.json").read_text())["key"] for n in ("sft", "dpo", "merge")] for f in folders]
    assert keys[0] == keys[1]
    assert not (alone / "sft" / "samples.jsonl").exists()


@pytest.mark.parametrize("name", ["sft", "dpo"])
def test_tensorboards_curves_are_those_of_the_log(folders: tuple[Path, Path], name: str):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = lines(folders[0] / name / "log.jsonl")
    events = EventAccumulator(str(folders[0] / name / "reports")).Reload()
    shown = {"train/loss": "loss", "eval/loss": "eval_loss"}
    if name == "dpo":
        shown |= {"train/rewards/margins": "rewards/margins", "eval/rewards/margins": "eval_rewards/margins"}
    for tag, key in shown.items():
        wanted = [(line["step"], line[key]) for line in log if key in line]
        if name == "sft" and key == "eval_loss":
            assert not wanted
            continue
        found = [(event.step, event.value) for event in events.Scalars(tag)]
        assert [step for step, _ in found] == [step for step, _ in wanted]
        assert [value for _, value in found] == pytest.approx([float(value) for _, value in wanted], rel=1e-5)
        assert len(found) >= 2


def test_samples_are_kept_and_shown_before_and_after(folders: tuple[Path, Path]):
    watched = folders[0]
    samples = lines(watched / "sft" / "samples.jsonl")
    assert [one["step"] for one in samples] == [0, 0, 2, 2, 4, 4, 5, 5]
    assert all(one["turns"][-1]["role"] == "user" for one in samples)
    first = samples[0]
    said = [lines(watched / name / "samples.jsonl") for name in ("sft", "dpo")]
    assert any([a["answer"] for a in one[:2]] != [a["answer"] for a in one[-2:]] for one in said)
    text = (watched / "sft" / "README.md").read_text()
    assert "before and after `sft`" in text
    assert first["turns"][-1]["content"][:30] in text
    assert "before and after `dpo`" in (watched / "merge" / "README.md").read_text()


def test_whole_prompts_of_rows_held_out_are_not_published(folders: tuple[Path, Path]):
    stage = trained_stage(folders[0] / "sft")
    assert (stage.path / "samples.jsonl").is_file()
    published = {name: path.read_bytes() for name, path in stage.files().items()}
    assert {"log.jsonl", "stage.json", "README.md"} <= set(published)
    assert "samples.jsonl" not in published
    assert all(len(text) <= 200 for one in stage.record.metrics["samples"] for text in one.values())


def test_a_resumed_stage_has_each_sample_once(recipe: Recipe, two_runs: Path, tmp_path: Path):
    from transformers import Trainer

    class Cut(Exception):
        pass

    def once(trainer: Any, *arguments: Any, **more: Any) -> None:
        save(trainer, *arguments, **more)
        if trainer.state.global_step == 3:
            raise Cut

    samples = {"prompts": 1, "every": 1, "max_tokens": 4}
    training = {**FEW, "save_strategy": "steps", "save_steps": 3, "eval_strategy": "no", "report_to": "tensorboard"}
    path = recipe(STAGES[:1], quantisation=None, samples=samples, training=training)
    save = Trainer._save_checkpoint
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_save_checkpoint", once)
        with pytest.raises(Cut):
            trained(path, two_runs, tmp_path / "out")
    trained(path, two_runs, tmp_path / "out")
    assert [one["step"] for one in lines(tmp_path / "out" / "sft" / "samples.jsonl")] == [0, 1, 2, 3, 4, 5]
