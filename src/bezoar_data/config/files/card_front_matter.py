"""What stands in a card's front matter: the Hub's own keys, and ours under `bezoar:`.

`views` say how columns become training text, so that a recipe names a card and nothing else:

    sft:         {system: system_message, prompt: inputs, response: explained_targets}
    messages:    {messages: conversation, tools: tools}
    preference:  {prompt: inputs, chosen: better, rejected: worse, margin: rating_gap}
    rating:      {prompt: inputs, response: targets, attributes: [helpfulness, correctness]}

A view's `where` says which of its rows are accepted (`runs.accepted`): `{prompt: inputs, response: targets, where:
judge_rating >= 4}`. Prompts and answers are texts or lists of messages. Both sides of a pair may hold the
whole dialogue; the view may then leave `prompt` out (TRL calls it implicit).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from bezoar_data.config.base import Strict
from bezoar_data.config.files.licence_terms import LicenceTerms

_Column = Annotated[str, Field(min_length=1)]
_Texts = str | tuple[str, ...]


class View(Strict):
    """What every view can say of its rows."""

    where: str | None = Field(
        default=None,
        description="Which rows are accepted where people have not decided: an expression over the columns. Left out, "
        "those that the one judge accepts.",
        examples=['judge_status == "Accept" and judge_rating >= 4'],
    )
    tools: _Column | None = Field(
        default=None,
        description="The column of what the assistant may call, if any: OpenAI's tools, or their JSON text.",
        examples=["tools"],
    )

    @property
    def columns(self) -> dict[str, str]:
        """The column of each role."""
        return self.model_dump(exclude={"where"}, exclude_none=True)


class AskedView(View):
    """What stands before an answer."""

    system: _Column | None = Field(
        default=None, description="The column of the system message, if any.", examples=["system_message"]
    )
    context: _Column | None = Field(
        default=None,
        description="The column of a text that belongs to the prompt, a passage or an input: it follows after a blank "
        "line.",
        examples=["context", "input"],
    )


class SftView(AskedView):
    """Columns of one question and its answer."""

    prompt: _Column = Field(description="The column of what is asked.", examples=["instruction"])
    response: _Column = Field(description="The column of the answer to learn.", examples=["response"])


class MessagesView(View):
    """The column of whole conversations: lists of {role, content}."""

    messages: _Column = Field(description="The column of the conversation.", examples=["messages"])


class PreferenceView(AskedView):
    """Columns of one question with a better and a worse answer."""

    prompt: _Column | None = Field(
        default=None,
        description="The column of what is asked, unless both sides hold the whole dialogue.",
        examples=["instruction"],
    )
    chosen: _Column = Field(description="The column of the better answer.", examples=["chosen"])
    rejected: _Column = Field(description="The column of the worse answer.", examples=["rejected"])
    margin: _Column | None = Field(
        default=None, description="The column that says how much better, if any.", examples=["rating_gap"]
    )


RATED = "attributes."
"""How the role of a column of ratings begins; the attribute's name follows."""


def _by_name(value: Any) -> Any:
    """Columns that are called as what they rate."""
    named = isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
    return {name: name for name in value} if named else value


_NAME = {"type": "string", "minLength": 1}
_ATTRIBUTES = WithJsonSchema(
    {"anyOf": [{"type": "object", "additionalProperties": _NAME}, {"type": "array", "items": _NAME}], "minItems": 1}
)


class RatingView(AskedView):
    """Columns of one question and an answer that was rated, by people or a model."""

    prompt: _Column = Field(description="The column of what is asked.", examples=["prompt"])
    response: _Column = Field(description="The column of the answer that is rated.", examples=["response"])
    attributes: Annotated[dict[_Column, _Column], BeforeValidator(_by_name), _ATTRIBUTES] = Field(
        min_length=1,
        description="The columns of its ratings: their names, or what each rates with its column.",
        examples=[["helpfulness", "correctness"], {"helpfulness": "gpt4_helpfulness"}],
    )

    @property
    def columns(self) -> dict[str, str]:
        return self.model_dump(exclude={"where", "attributes"}, exclude_none=True) | self.rated(self.attributes)

    @staticmethod
    def rated(attributes: Any) -> dict[str, str]:
        """The column of each attribute, as a card has them, by its role."""
        return {f"{RATED}{name}": column for name, column in _by_name(attributes).items()}


class Views(Strict):
    """How columns become training text."""

    sft: SftView | None = Field(
        default=None,
        description="For supervised training on single questions.",
        examples=[{"prompt": "instruction", "response": "response"}],
    )
    messages: MessagesView | None = Field(
        default=None, description="For supervised training on conversations.", examples=[{"messages": "messages"}]
    )
    preference: PreferenceView | None = Field(
        default=None,
        description="For training on preferences.",
        examples=[{"prompt": "instruction", "chosen": "chosen", "rejected": "rejected"}],
    )
    rating: RatingView | None = Field(
        default=None,
        description="For training a model that rates answers.",
        examples=[{"prompt": "prompt", "response": "response", "attributes": ["helpfulness"]}],
    )

    @property
    def by_kind(self) -> dict[str, View]:
        """The views that there are, the one to prefer first."""
        return {kind: view for kind in VIEW_KINDS if (view := getattr(self, kind)) is not None}


_Words = Annotated[str, Field(min_length=1)]


class Organization(Strict):
    """A creator that is not a person."""

    organization: _Words = Field(description="Its name.", examples=["Example Lab"])


class About(Strict):
    """What only people can say of a dataset. A card shows it, and asks for what is missing."""

    creators: tuple[_Words | Organization, ...] = Field(
        default=(),
        description="Who made it: people, or organizations.",
        examples=[["Ada Lovelace", {"organization": "Example Lab"}]],
    )
    contact: _Words | None = Field(
        default=None, description="Where questions and corrections go.", examples=["data@example.org"]
    )
    date: str | None = Field(
        default=None,
        pattern=r"^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$",
        description="When it was published: year, month or day. No run writes it, so that equal runs have equal bytes.",
        examples=["2026-11-30"],
    )
    url: str | None = Field(
        default=None,
        pattern=r"^https?://[A-Za-z0-9][A-Za-z0-9._~:/?#@!&+,;=%-]*$",
        description="Where it is published: citations and the lines that load it name it.",
        examples=["https://huggingface.co/datasets/example/answers"],
    )
    intended_use: _Words | None = Field(
        default=None, description="What it is for.", examples=["Supervised fine-tuning of small models."]
    )
    unintended_use: _Words | None = Field(
        default=None, description="What it is not for.", examples=["As a source of facts."]
    )
    annotators: _Words | None = Field(
        default=None,
        description="Who reviewed rows, how they were found, paid and guided.",
        examples=["Two of us, paid as employees, with the guidelines shown in Argilla."],
    )
    changes: dict[str, _Words] = Field(
        default_factory=dict,
        description="What each version of the pipeline changed.",
        examples=[{"2": "Answers over 400 words are dropped."}],
    )


def _made(what: str, example: Any) -> Any:
    return Field(default=None, description=f"Written by each run: {what}.", examples=[example])


def _once() -> Any:
    return Field(default=None, description="Written by earlier versions; it is in the lock.", examples=[None])


class BezoarKeys(Strict):
    """Ours: what a person says of the columns, and what a run writes."""

    views: Views | None = Field(
        default=None,
        description="How columns become training text; recipes read it.",
        examples=[{"sft": {"prompt": "instruction", "response": "response"}}],
    )
    fields: dict[str, str] = Field(
        default_factory=dict, description="What each column means.", examples=[{"instruction": "What was asked"}]
    )
    about: About | None = Field(
        default=None,
        description="Who made it, when, for what: what no run can know.",
        examples=[{"creators": ["Ada Lovelace"], "date": "2026-11-30", "intended_use": "Fine-tuning small models."}],
    )
    terms: dict[str, LicenceTerms] = Field(
        default_factory=dict,
        description="What licences of your own say, by their name (`LicenseRef-...`), beside those that are known. Of "
        "known ones you may ask for more, never for less.",
        examples=[{"LicenseRef-our-archive": {"commercial": "yes", "attribution": True}}],
    )
    version: Any = _made("the version of these keys", 1)
    pipeline: Any = _made("the pipeline that made the data", {"name": "orca", "version": 1, "sha256": "…"})
    lock: Any = _made("the hash of the lock, which names the build", "3f9a…")
    demo: Any = _made("whether it only shows the flow: made of demo seeds or by demo models", False)
    counts: Any = _made("rows read, kept and dropped", {"source": 100, "kept": 90, "dropped": 10})
    licence: Any = _made("the licence and its verdict", {"result": "unknown", "commercial": "unknown"})
    cost: Any = _once()
    sources: Any = _once()
    models: Any = _once()
    judge: Any = _once()
    review: Any = _once()
    contamination: Any = _once()
    answers: Any = _made("the answers that were published beside the rows", {"entries": 180, "sha256": "…"})


class CardFront(Strict):
    """Front matter of a dataset card of bezoar-data. Other keys of the Hub are left to the Hub."""

    model_config = ConfigDict(title="Card of bezoar-data", extra="allow")

    license: _Texts | None = Field(
        default=None,
        description="The licence of the data as you state it: an SPDX id or expression, a name of the Hub's list, "
        "'other' or 'unknown'. Left out, it follows from what the data is made of.",
        examples=["cc-by-4.0"],
    )
    license_name: str | None = Field(
        default=None, description="The licence's name, where 'license' is 'other'.", examples=["my-terms-1.0"]
    )
    license_link: str | None = Field(
        default=None, description="Where a licence called 'other' stands.", examples=["LICENSE"]
    )
    language: _Texts | None = Field(
        default=None, description="The language of the rows, or a list: ISO 639 codes.", examples=["en", ["en", "de"]]
    )
    pretty_name: str | None = Field(
        default=None, description="The dataset's name for people.", examples=["Explained answers"]
    )
    task_categories: _Texts | None = Field(
        default=None, description="Tasks of the Hub's list that it is for.", examples=[["text-generation"]]
    )
    task_ids: _Texts | None = Field(
        default=None, description="Finer tasks of the Hub's list.", examples=[["language-modeling"]]
    )
    tags: _Texts | None = Field(
        default=None, description="Words by which it is found on the Hub.", examples=[["instruction-tuning"]]
    )
    annotations_creators: _Texts | None = Field(
        default=None,
        description="Who annotated the rows; a run writes what it knows, which people it was you say.",
        examples=[["expert-generated"]],
    )
    language_creators: _Texts | None = Field(
        default=None,
        description="Who wrote the texts; a run writes what it knows, which people it was you say.",
        examples=[["crowdsourced"]],
    )
    multilinguality: _Texts | None = Field(
        default=None,
        description="Whether rows are in one language or several; a run writes it by 'language'.",
        examples=["translation"],
    )
    source_datasets: _Texts | None = Field(
        default=None,
        description="Datasets of the Hub it was made from; a run adds those it read.",
        examples=[["databricks/databricks-dolly-15k"]],
    )
    arxiv: _Texts | None = Field(
        default=None,
        description="Papers on arXiv, by number; a run adds those of its methods.",
        examples=[["2306.02707"]],
    )
    size_categories: _Texts | None = Field(
        default=None, description="How large it is; each run writes it.", examples=[["1K<n<10K"]]
    )
    configs: Any = Field(
        default=None,
        description="Which files hold which split; each run writes it.",
        examples=[[{"config_name": "default", "data_files": "data/*.parquet"}]],
    )
    dataset_info: Any = Field(
        default=None,
        description="Columns, types and counts; each run writes it.",
        examples=[{"features": [{"name": "instruction", "dtype": "string"}]}],
    )
    viewer: bool | None = Field(
        default=None, description="Whether the Hub shows the rows in its viewer.", examples=[False]
    )
    bezoar: BezoarKeys | None = Field(
        default=None,
        description="What bezoar-data reads and writes.",
        examples=[{"views": {"sft": {"prompt": "instruction", "response": "response"}}}],
    )


VIEW_KINDS = tuple(Views.model_fields)
"""The kinds of views, the one to prefer first."""
