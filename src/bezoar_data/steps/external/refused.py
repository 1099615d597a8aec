"""Which of distilabel's steps cannot be used in a pipeline here, why, and what to use instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Reason(NamedTuple):
    """Why a step is refused, and the remedy."""

    why: str
    instead: str


_BRANCHES = Reason(
    "it pairs the rows of several branches by their position",
    "let the branches meet with 'join: join', which matches rows by id, then use distilabel:MergeColumns",
)
_ASKS_FIRST = Reason("it starts rows by asking a model", "start from a source of seeds, such as load_instructions")
_LOADS = Reason(
    "the revision, hash and licence of its rows would be on no card",
    "use load_instructions, which takes files and datasets of the Hub",
)
_SENDS = Reason("it sends rows away while the run goes on", "what is published is the finished dataset with its card")
_IMAGES = Reason("it makes or takes images, and rows hold text", "leave images to another tool")
_EMBEDS = Reason(
    "it needs an embedding model as an object, which no pipeline file can hold",
    "use semantic_duplicates, or a step of your own that holds the model",
)

REFUSED: Mapping[str, Reason] = {
    "ArgillaLabeller": Reason(
        "it needs records and questions of an Argilla dataset", "use distilabel:TextClassification"
    ),
    "BitextRetrievalGenerator": _ASKS_FIRST,
    "CombineOutputs": _BRANCHES,
    "EmbeddingGeneration": _EMBEDS,
    "EmbeddingTaskGenerator": _ASKS_FIRST,
    "EvolComplexityGenerator": _ASKS_FIRST,
    "EvolInstructGenerator": _ASKS_FIRST,
    "GenerateEmbeddings": _EMBEDS,
    "GroupColumns": _BRANCHES,
    "ImageGeneration": _IMAGES,
    "LoadDataFromDisk": _LOADS,
    "LoadDataFromFileSystem": _LOADS,
    "LoadDataFromHub": _LOADS,
    "MagpieGenerator": Reason("it starts rows by asking a model", "use distilabel:Magpie after a source"),
    "MinHashDedup": Reason("it breaks with newer datasketch, and needs rows in order", "use near_duplicates"),
    "MonolingualTripletGenerator": _ASKS_FIRST,
    "PreferenceToArgilla": _SENDS,
    "PushToHub": _SENDS,
    "TextGenerationToArgilla": _SENDS,
    "TextGenerationWithImage": _IMAGES,
}
"""By class name. Their entries stand in no catalogue."""

TRUSTS = frozenset(
    {
        "APIGenExecutionChecker",
        "GenerateLongTextMatchingData",
        "GenerateShortTextMatchingData",
        "GenerateTextClassificationData",
        "GenerateTextRetrievalData",
    }
)
"""Steps that run text of data or of models as code (`eval`): only with --trust-code."""
