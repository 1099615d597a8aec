"""The recipe file: what to train, in which stages, from which cards. Read and located; nothing is trained here.

A recipe names cards, never datasets: the card says where the data is, how its columns become text and what it allows.
Settings of the trainers keep TRL's, peft's and transformers' own names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Union, get_args

from pydantic import ConfigDict, Field, create_model

from bezoar_data.config.base import Strict
from bezoar_data.config.files.pipeline import STEP_ID
from bezoar_data.config.paths import normalized
from bezoar_data.config.problems import Problem
from bezoar_data.config.yaml import Document

TOKENIZERS_OWN = "tokenizer"
"""The template that comes with the base model's tokenizer."""
TRLS = "trl:"
"""How the name of a template that comes with TRL begins."""

_Name = Annotated[str, Field(min_length=1)]
_Settings = dict[str, Any]


class RandomModel(Strict):
    """A model with random weights, and a tokenizer trained on the recipe's own data: for trying a recipe out. The names
    are those of transformers' LlamaConfig."""

    vocab_size: Annotated[int, Field(ge=300)] = Field(
        default=512, description="Entries of the tokenizer: bytes, and pieces learnt from the data.", examples=[512]
    )
    hidden_size: Annotated[int, Field(gt=0, multiple_of=8)] = Field(
        default=64, description="Numbers in a token's vector.", examples=[64]
    )
    intermediate_size: Annotated[int, Field(gt=0)] = Field(
        default=128, description="Numbers inside each block's feed-forward part.", examples=[128]
    )
    num_hidden_layers: Annotated[int, Field(gt=0)] = Field(default=2, description="Blocks.", examples=[2])
    num_attention_heads: Annotated[int, Field(gt=0)] = Field(
        default=4, description="Attention heads of each block.", examples=[4]
    )
    max_position_embeddings: Annotated[int, Field(gt=0)] = Field(
        default=512, description="The longest text, in tokens.", examples=[512]
    )


class Base(Strict):
    """The model that training starts from."""

    model: _Name | None = Field(
        default=None,
        description="Its id on the Hub, or a folder: a path relative to this file that starts with './', '../' or '/'.",
        examples=["openlm-research/open_llama_3b_v2"],
    )
    make: RandomModel | None = Field(
        default=None,
        description="In its place: make a small one with random weights, to try the recipe out.",
        examples=[{"hidden_size": 64, "num_hidden_layers": 2}],
    )
    gguf: _Name | None = Field(
        default=None,
        description="In its place: a GGUF file, dequantised once into weights that can be trained. A short name "
        "('smollm2-135m-instruct'), a file of the Hub as 'OWNER/REPOSITORY:FILE.gguf', or a path relative to this file "
        "that starts with './', '../' or '/'.",
        examples=["smollm2-135m-instruct", "./weights.gguf"],
    )
    convert: bool = Field(
        default=False,
        description="Whether to read weights that are there as pickled '.bin' files alone, without running what else "
        "such a file may hold, and to keep them as safetensors beside the stages.",
        examples=[True],
    )
    revision: _Name | None = Field(
        default=None, description="The revision on the Hub: a commit's hash pins it.", examples=["main"]
    )
    licence: _Name | None = Field(
        default=None, description="The licence of its weights: an SPDX id or the Hub's name.", examples=["apache-2.0"]
    )
    attn_implementation: Literal["eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"] | None = (
        Field(
            default=None,
            description="How attention is computed, by transformers' names. By default the fastest that is installed.",
            examples=["sdpa"],
        )
    )
    trust_remote_code: bool = Field(
        default=False, description="Run code that comes with the model. Weights alone need none.", examples=[False]
    )

    @property
    def name(self) -> str | None:
        """What it is called in the recipe; None of one that the recipe makes."""
        return self.model or self.gguf

    @property
    def kept_here(self) -> bool:
        """Whether its weights lie beside the stages: made, dequantised or converted."""
        return self.model is None or self.convert


class Split(Strict):
    """Which rows a stage trains on, and which it holds out."""

    train: _Name = Field(default="train", description="The split of the dataset to train on.", examples=["train"])
    rows: Annotated[int, Field(gt=0)] | None = Field(
        default=None,
        description="At most this many of its rows that `where` chooses, drawn by the seed.",
        examples=[100000],
    )
    validation: _Name | Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None,
        description="What the loss is watched on: a fraction of the rows to hold out, grouped by seed so that parent "
        "and child stay on one side, or the name of another split. A fraction is one of all rows, the dataset's own "
        "validation split among them, unless `train` is written as well.",
        examples=[0.2, "validation"],
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] | None = Field(
        default=None,
        description="The seed that draws rows and those held out; the recipe's by default.",
        examples=[42],
    )


class Stage(Strict):
    """One stage of a recipe. Every kind of stage is a class of its own, in `training/stages`."""

    starts_from: ClassVar[Literal["any", "adapter", "weights"]] = "weights"
    """What the stage before it must leave: an adapter, or weights that stand alone."""

    head: ClassVar[Literal["language", "scores", "same"]] = "language"
    """What its result does: says texts, scores them, or what its start did. Only what scores goes on from what does."""

    needs: ClassVar[Mapping[str, Literal["language", "scores"]]] = {}
    """Its fields that name earlier stages beside the one it goes on from, and what those leave."""

    # First, because the id's default is made from it.
    use: str
    id: Annotated[str, Field(pattern=STEP_ID)] = Field(
        default_factory=lambda written: written["use"],
        description="The stage's name in this recipe: letters, digits, '_' and '-'. By default what it uses.",
        examples=["orca"],
    )
    start: Annotated[str, Field(pattern=STEP_ID)] | None = Field(
        default=None,
        alias="from",
        description="The earlier stage whose result it goes on from, or 'base'. By default the one written before it.",
        examples=["lamini", "base"],
    )

    def reads(self, recipe: Path) -> tuple[Path, ...]:
        """Files beside its rows that decide its weights; `recipe` is the file that names them."""
        return ()

    @classmethod
    def kind(cls) -> str:
        """The value of `use` that names this kind of stage."""
        return str(get_args(cls.model_fields["use"].annotation)[0])


class TrainingStage(Stage):
    """A stage that trains on a card's rows."""

    starts_from: ClassVar[Literal["any", "adapter", "weights"]] = "any"
    trainer: ClassVar[str]
    """The class of TRL that takes the stage's settings, such as `SFTConfig`."""
    views: ClassVar[tuple[str, ...]]
    """The card's views that it can train on; the first that a card has is used."""
    padding_free: ClassVar[bool] = False
    """Whether its trainer can join the rows of a batch instead of padding them."""
    has_reference: ClassVar[bool] = False
    """Whether its trainer holds a second copy of the weights where all of them are trained."""

    card: _Name = Field(
        description="The card of the data: a path relative to this file, or owner/name on the Hub.",
        examples=["../cards/orca.md"],
    )
    where: str | None = Field(
        default=None,
        description="Which rows: an expression over the card's columns. Left out, the accepted ones: by people, else "
        "as the card's view says, else by its one judge.",
        examples=['judge_status == "Accept"'],
    )
    split: _Name | Split = Field(
        default=Split(),
        description="Which rows to train on and which to hold out; a name alone is the split to train on.",
        examples=[{"validation": 0.2}, "train"],
    )
    adapter: _Settings | None = Field(
        default=None,
        description="Settings of the adapter that differ here, where a new one starts: peft's LoraConfig.",
        examples=[{"r": 32}],
    )
    view: str | None = Field(default=None, description="The card's view to train on.")
    training: _Settings = Field(default_factory=dict, description="Settings of its trainer, over the recipe's.")


class Samples(Strict):
    """Answers that a stage's model gives while it is trained."""

    prompts: Annotated[int, Field(gt=0, le=64)] = Field(
        default=4, description="To how many prompts: the first of the rows held out, else of those trained on.",
        examples=[4],
    )  # fmt: skip
    every: Annotated[int, Field(gt=0)] = Field(
        default=100, description="After how many steps, beside the first and the last.", examples=[100]
    )
    max_tokens: Annotated[int, Field(gt=0, le=4096)] = Field(
        default=64, description="The longest answer, in tokens.", examples=[64]
    )


class Policy(Strict):
    """What the data and the base must be. A card that is less is refused before any weights are loaded, each reason
    named."""

    commercial: bool = Field(
        default=False,
        description="Only what is known to allow commercial use: a card's verdict 'yes', 'unknown' is not enough.",
        examples=[True],
    )
    demo: bool = Field(
        default=False,
        description="Whether demo data may be trained on: of demo models, or made of demo seeds.",
        examples=[False],
    )
    judge_agreement: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None,
        description="The least agreement of a card's judge with people, as Cohen's kappa.",
        examples=[0.6],
    )
    review: bool | Annotated[int, Field(gt=0)] | None = Field(
        default=None,
        description="A number: the least rows that people reviewed; true: one at least. What the data's own pipeline "
        "asks for in its `review` is asked for as well, unless this is false.",
        examples=[200],
    )
    contamination: Literal["any", "checked", "clean"] = Field(
        default="any",
        description="'checked': only data searched for benchmarks; 'clean': and in which none was found.",
        examples=["checked"],
    )


_STAGES: Any = Field(
    min_length=1,
    description="The stages, each going on from the one before it unless it says 'from:'.",
    examples=[[{"use": "sft", "card": "../cards/orca.md"}]],
)


class RecipeFile(Strict):
    """A recipe: stages that train a model from cards."""

    model_config = ConfigDict(title="Recipe of bezoar-data")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=80)] = Field(
        description="lower-case letters, digits, '_' and '-', starting with a letter or digit.",
        examples=["openbezoar"],
    )
    version: Literal[1] = Field(description="The version of this file format: 1.", examples=[1])
    description: str = Field(
        default="", description="What the recipe trains, in a sentence.", examples=["The OpenBezoar chain"]
    )
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        default=42, description="The seed of all random choices.", examples=[42]
    )
    base: Base = Field(
        description="What training starts from: a model of the Hub or a folder, a GGUF, or a tiny one made here.",
        examples=[{"model": "openlm-research/open_llama_3b_v2", "licence": "apache-2.0"}],
    )
    quantisation: _Settings | None = Field(
        default=None,
        description="How the base is quantised while an adapter is trained: transformers' BitsAndBytesConfig. "
        "Left out, it is not.",
        examples=[{"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}],
    )
    adapter: _Settings | None = Field(
        default=None,
        description="The adapter that is trained: peft's LoraConfig. Left out, all weights are.",
        examples=[{"r": 16, "lora_alpha": 16, "target_modules": ["q_proj", "v_proj", "k_proj"]}],
    )
    template: _Name = Field(
        default=TOKENIZERS_OWN,
        description="How turns become text: 'tokenizer' for the base's own chat template, 'trl:' and the name of one "
        "that TRL brings, or a .jinja file relative to this one.",
        examples=["templates/alpaca.jinja", TOKENIZERS_OWN, "trl:qwen3"],
    )
    end_of_turn: _Name | None = Field(
        default=None,
        description="The token that ends a reply; by default the one that the template writes after it.",
        examples=["<|im_end|>"],
    )
    eos_token: _Name | None = Field(
        default=None,
        description="The tokenizer's end-of-text token, in the place of the base's.",
        examples=["<|im_end|>"],
    )
    add_tokens: tuple[_Name, ...] = Field(
        default=(),
        description="Tokens that the base lacks, such as those of its template. Their embeddings are new and trained.",
        examples=[["<|im_start|>", "<|im_end|>"]],
    )
    reasoning: Literal["keep", "drop"] = Field(
        default="keep",
        description="Whether the reasoning before replies is trained on, or left out of them.",
        examples=["drop"],
    )
    training: _Settings = Field(
        default_factory=dict,
        description="Settings of the trainers that hold for every stage: TRL's names.",
        examples=[{"per_device_train_batch_size": 4, "bf16": True}],
    )
    samples: Samples | None = Field(
        default=None,
        description="Answers that each stage's model gives while it is trained, in its log and on its card.",
        examples=[{"prompts": 4, "every": 100}],
    )
    policy: Policy = Field(
        default=Policy(), description="What the data and the base must be.", examples=[{"commercial": True}]
    )
    stages: tuple[Stage, ...] = _STAGES

    def beside(self, index: int) -> dict[str, str]:
        """The stages that the one at `index` needs beside its start, by the fields that name them."""
        written = {name: getattr(self.stages[index], name) for name in self.stages[index].needs}
        return {name: str(value) for name, value in written.items() if value is not None}

    def start(self, index: int) -> str:
        """The id of the stage that the one at `index` goes on from, or 'base'."""
        return self.stages[index].start or (self.stages[index - 1].id if index else BASE)


@cache
def recipe_model(stages: tuple[type[Stage], ...]) -> type[RecipeFile]:
    """The recipe file with these kinds of stages. They are handed in: each belongs to the code that runs it."""
    kinds = Annotated[Union[stages], Field(discriminator="use")]  # type: ignore[valid-type]  # noqa: UP007
    fields: dict[str, Any] = {"stages": (tuple[kinds, ...], _STAGES)}
    return create_model("RecipeFile", __base__=RecipeFile, __doc__=RecipeFile.__doc__, **fields)


BASE = "base"
"""What a first stage goes on from."""


@dataclass(frozen=True)
class LoadedRecipe:
    """A checked recipe file with the places of its values."""

    file: RecipeFile
    document: Document
    path: Path
    warnings: tuple[Problem, ...] = ()

    def resolve(self, path: str) -> Path:
        """A path written in this file: relative to the file's folder."""
        return normalized(self.path.parent / path)
