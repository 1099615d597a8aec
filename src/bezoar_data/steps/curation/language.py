"""`language`: rows in the languages wanted."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import Field

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.runs.row import Row
from bezoar_data.steps.curation.filter_step import FilterStep


class Language(FilterStep):
    """Drop rows that are not in one of the languages wanted.

    The detector (py3langid, 97 languages, its model inside the package) reads the whole text. Texts with fewer letters
    than `least_letters` pass: nobody can tell the language of "42" or "Paris". The reason is `other_language`, with
    the language found and its probability.
    """

    use: ClassVar[str] = "language"
    version: ClassVar[int] = 1
    extra: ClassVar[str | None] = "language"
    example: ClassVar[str] = "- use: language\n  with: {column: explained_targets, languages: [en]}\n"

    mark: str = Field(default="language_fault", description="The column that `action: mark` writes; null if it fits.")
    languages: Annotated[list[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]], Field(min_length=1)] = Field(
        default=["en"], description="Languages that stay, by their ISO 639-1 codes."
    )
    sure: float = Field(
        default=0.8, ge=0, le=1, description="A row goes if another language is found with this probability or more."
    )
    least_letters: int = Field(default=40, ge=0, description="Texts with fewer letters pass.")

    def load(self) -> None:
        super().load()
        _ = self._detector

    def reason(self, row: Row, text: str) -> tuple[str, str] | None:
        if sum(map(str.isalpha, text)) < self.least_letters:
            return None
        found, probability = self._detector.classify(text)
        if found in self.languages or probability < self.sure:
            return None
        return "other_language", f"{found} with probability {probability:.2f}"

    @cached_property
    def _detector(self) -> Any:
        try:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]
        except ImportError:
            hint = "pip install 'bezoar-data[language]'"
            raise InputError(Problem("missing-extra", "the step 'language' needs a detector", hint=hint)) from None
        detector = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        unknown = sorted(set(self.languages) - set(detector.labels))
        if unknown:
            known = ", ".join(sorted(detector.labels))
            message = f"the detector does not know the language '{unknown[0]}'"
            raise InputError(Problem("unknown-language", message, hint=f"known: {known}"))
        return detector
