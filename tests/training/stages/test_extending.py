"""A kind of stage is one file: nothing else is edited by hand, and the generated files are written by a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.extending import Tree
from training.conftest import HEAD

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

RANKER = '''
"""The stage `ranker`: a model that scores the better of two replies higher, with TRL's RewardTrainer."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from bezoar_data.config.files.recipe import TrainingStage
from bezoar_data.training.data.examples import Counted, MakeExample, StageRows
from bezoar_data.training.data.packing import Example
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import Template
from bezoar_data.training.stages.base import TrainingJob, TrainingKind
from bezoar_data.training.stages.trainer import configuration, dataset


class RankerStage(TrainingStage):
    """Train a model that scores replies on the card's `preference` view."""

    model_config = ConfigDict(title="Ranker stage")
    trainer: ClassVar[str] = "RewardConfig"
    views: ClassVar[tuple[str, ...]] = ("preference",)

    use: Literal["ranker"] = Field(description="What the stage does.", examples=["ranker"])
    view: Literal["preference"] | None = Field(default=None, description="The card's view.", examples=["preference"])
    training: dict[str, Any] = Field(
        default_factory=dict,
        description="Settings of TRL's RewardConfig.",
        examples=[{"center_rewards_coefficient": 0.01}],
    )


def make_trainer(job: TrainingJob) -> Any:
    from transformers import AutoModelForSequenceClassification
    from trl import RewardConfig, RewardTrainer

    model = AutoModelForSequenceClassification.from_pretrained(job.start.weights, num_labels=1)
    model.config.pad_token_id = job.template.tokenizer.pad_token_id
    return RewardTrainer(
        model=model,
        args=configuration(job, RewardConfig),
        train_dataset=dataset(job.examples.train),
        eval_dataset=dataset(job.examples.held_out),
        processing_class=job.template.tokenizer,
    )


def examples(rows: StageRows, template: Template, settings: Mapping[str, Any]) -> MakeExample:
    def make(row: Mapping[str, Any], counted: Counted) -> Example:
        pair = read_row(rows.view, row)
        sides = [template.encode(side).ids[: settings["max_length"]] for side in (pair.messages, pair.worse)]
        counted.tokens += sum(map(len, sides))
        return {"chosen_ids": sides[0], "rejected_ids": sides[1]}

    return make


def sequences(example: Example) -> list[int]:
    return [len(side) for side in example.values()]


KIND = TrainingKind(RankerStage, make_trainer, examples, sequences=sequences)
'''


def test_a_stage_is_one_file(tmp_path: Path):
    tree = Tree(tmp_path / "tree")
    added = tree.add("src/bezoar_data/training/stages/halve.py")
    tree.write(ranker := "src/bezoar_data/training/stages/ranker.py", RANKER)
    tree.generate("training.write_settings", "schema")
    assert tree.changed() == {*added, ranker, "schemas/recipe.schema.json"}
    schema = json.loads((tree.folder / "schemas/recipe.schema.json").read_text())
    assert schema["$defs"]["RankerStage"]["properties"]["training"]["$ref"] == "#/$defs/RewardConfig"
    assert "center_rewards_coefficient" in schema["$defs"]["RewardConfig"]["properties"]
    assert {"halve", "ranker"} <= schema["properties"]["stages"]["items"]["discriminator"]["mapping"].keys()

    few = {"max_steps": 2, "eval_strategy": "no", "load_best_model_at_end": False, "save_strategy": "no"}
    recipe = {
        **HEAD,
        "template": "../../recipes/templates/alpaca-modified.jinja",
        "training": {**HEAD["training"], **few},
        "quantisation": None,
        "adapter": None,
        "stages": [
            {"use": "ranker", "card": "../../cards/hh-rlhf-dpo.md", "training": {"center_rewards_coefficient": 0.01}},
            {"use": "halve", "from": "base"},
        ],
    }
    tree.write("my/recipes/small.yaml", json.dumps(recipe))
    tree.write("my/recipes/wrong.yaml", json.dumps({**recipe, "stages": [{"use": "halv"}]}))
    assert "did you mean 'halve'?" in tree.run("bezoar-data", "validate", "my/recipes/wrong.yaml", succeeds=False)
    tree.run("bezoar-data", "validate", "my/recipes/small.yaml")
    tree.run("bezoar-data", "run", "pipelines/hh-rlhf-dpo.yaml")
    trained = json.loads(tree.run("bezoar-data", "train", "my/recipes/small.yaml", "--json"))
    scored, halved = trained["stages"]
    assert (scored["use"], scored["metrics"]["steps"], scored["data"]["card"]) == ("ranker", 2, "hh-rlhf-dpo")
    assert (halved["use"], halved["from"], halved["data"]) == ("halve", "base", None)
    config = json.loads((tree.folder / "trained/small/halve/config.json").read_text())
    assert config["dtype"] == "float16"
