"""`length`: texts neither too short nor too long, in characters, words or a tokenizer's tokens."""

from __future__ import annotations

from functools import cached_property
from typing import Any, ClassVar

from pydantic import Field, NonNegativeInt, model_validator

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.measures.words import words_of
from bezoar_data.runs.row import Row
from bezoar_data.steps.curation.filter_step import FilterStep
from bezoar_data.steps.curation.tokenizer import load_tokenizer


class Length(FilterStep):
    """Drop rows whose text is too short or too long.

    Characters, words and tokens each have a least and a most number; what is not given is not looked at. Tokens are
    those of the tokenizer named, a `tokenizer.json` file or a model on the Hub. Reasons are `too_short` and
    `too_long`, with the number found.
    """

    use: ClassVar[str] = "length"
    version: ClassVar[int] = 1
    example: ClassVar[str] = "- use: length\n  with: {column: explained_targets, min_words: 5, max_characters: 8000}\n"

    mark: str = Field(default="length_fault", description="The column that `action: mark` writes; null if all is well.")
    min_characters: NonNegativeInt | None = Field(default=None, description="The fewest characters.", examples=[20])
    max_characters: NonNegativeInt | None = Field(default=None, description="The most characters.", examples=[8000])
    min_words: NonNegativeInt | None = Field(default=None, description="The fewest words.", examples=[3])
    max_words: NonNegativeInt | None = Field(default=None, description="The most words.", examples=[1000])
    min_tokens: NonNegativeInt | None = Field(
        default=None, description="The fewest tokens; needs `tokenizer`.", examples=[5]
    )
    max_tokens: NonNegativeInt | None = Field(
        default=None, description="The most tokens; needs `tokenizer`.", examples=[2048]
    )
    tokenizer: str | None = Field(
        default=None,
        description="Whose tokens: a tokenizer.json file, a folder that holds one, or a model on the Hub.",
        examples=["openlm-research/open_llama_3b_v2"],
    )

    @model_validator(mode="after")
    def _bounds_make_sense(self) -> Length:
        bounds = [(unit, *self._bounds(unit)) for unit in ("characters", "words", "tokens")]
        for unit, least, most in bounds:
            if least is not None and most is not None and least > most:
                raise ValueError(f"min_{unit} is larger than max_{unit}")
        if any(b is not None for b in self._bounds("tokens")) and not self.tokenizer:
            raise ValueError("min_tokens and max_tokens need `tokenizer`")
        return self

    def _bounds(self, unit: str) -> tuple[int | None, int | None]:
        return getattr(self, f"min_{unit}"), getattr(self, f"max_{unit}")

    def load(self) -> None:
        super().load()
        if all(bound is None for unit in ("characters", "words", "tokens") for bound in self._bounds(unit)):
            hint = "give at least one bound, such as min_words or max_characters"
            raise InputError(Problem("missing-key", f"'{self.name}' has nothing to measure", hint=hint))
        if self.tokenizer:
            _ = self._encoder

    def reason(self, row: Row, text: str) -> tuple[str, str] | None:
        measures = {"characters": len, "words": lambda t: len(words_of(t)), "tokens": self._tokens}
        for unit, measure in measures.items():
            least, most = self._bounds(unit)
            if least is None and most is None:
                continue
            count = measure(text)
            if least is not None and count < least:
                return "too_short", f"{count} {unit}, at least {least} wanted"
            if most is not None and count > most:
                return "too_long", f"{count} {unit}, at most {most} allowed"
        return None

    def _tokens(self, text: str) -> int:
        return len(self._encoder.encode(text, add_special_tokens=False).ids)

    @cached_property
    def _encoder(self) -> Any:
        assert self.tokenizer is not None  # noqa: S101 (checked with the settings)
        return load_tokenizer(self.tokenizer)
