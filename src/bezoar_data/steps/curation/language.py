"""`language`: rows in the languages wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Annotated, Any, ClassVar

from pydantic import Field

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.measures.checks.script import scripts_of
from bezoar_data.runs.row import Row
from bezoar_data.steps.curation.filter_step import FilterStep

_CYRILLIC = ("be", "bg", "kk", "ky", "mk", "mn", "ru", "uk")
_ARABIC = ("ar", "fa", "ps", "ug", "ur")
_DEVANAGARI = ("hi", "mr", "ne")
_OTHER = ("am", "dz", "gu", "hy", "ka", "km", "kn", "lo", "ml", "or", "pa", "si", "ta", "te")
SCRIPTS_OF: Mapping[str, Sequence[str]] = {
    **dict.fromkeys(_CYRILLIC, ("Cyrillic",)),
    **dict.fromkeys(_ARABIC, ("Arabic",)),
    **dict.fromkeys(_DEVANAGARI, ("Devanagari",)),
    **dict.fromkeys(_OTHER, ("other",)),
    "az": ("Latin", "Cyrillic"), "sr": ("Cyrillic", "Latin"), "el": ("Greek",), "he": ("Hebrew",), "th": ("Thai",),
    "as": ("Bengali",), "bn": ("Bengali",), "ko": ("Hangul", "Han"), "ja": ("Han",), "zh": ("Han",),
}  # fmt: skip
"""The scripts in which a language is written, where not in Latin letters alone."""


class Language(FilterStep):
    """Drop rows that are not in one of the languages wanted.

    A text that is mostly written in the script of no language wanted goes, whatever its length. Of the others, those
    with at least `least_letters` letters go by what the detector finds in the whole text (py3langid, 97 languages, its
    model inside the package): nobody can tell the language of "42" or "Paris". The reason is `other_language`, with the
    language found and its probability, or the script.
    """

    use: ClassVar[str] = "language"
    version: ClassVar[int] = 3
    extra: ClassVar[str | None] = "language"
    example: ClassVar[str] = "- use: language\n  with: {column: explained_targets, languages: [en]}\n"

    mark: str = Field(default="language_fault", description="The column that `action: mark` writes; null if it fits.")
    languages: Annotated[list[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]], Field(min_length=1)] = Field(
        default=["en"], description="Languages that stay, by their ISO 639-1 codes."
    )
    sure: float = Field(
        default=0.8, ge=0, le=1, description="A row goes if another language is found with this probability or more."
    )
    least_letters: int = Field(
        default=40, ge=0, description="Texts with fewer letters are looked at for their script alone."
    )

    def load(self) -> None:
        super().load()
        _ = self._detector

    def reason(self, row: Row, text: str) -> tuple[str, str] | None:
        if (other := self._other_script(text)) or sum(map(str.isalpha, text)) < self.least_letters:
            return other
        found, probability = self._detector.classify(text)
        if found in self.languages or probability < self.sure:
            return None
        return "other_language", f"{found} with probability {probability:.2f}"

    def _other_script(self, text: str) -> tuple[str, str] | None:
        found = scripts_of(text)
        wanted = {script for language in self.languages for script in SCRIPTS_OF.get(language, ("Latin",))}
        if "other" in wanted or 2 * sum(n for script, n in found.items() if script in wanted) >= sum(found.values()):
            return None
        return "other_language", f"written in {max(found, key=lambda script: found[script])} letters"

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
