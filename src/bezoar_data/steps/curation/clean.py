"""`clean`: broken encodings fixed, leftovers of prompt templates removed, white space normalised."""

from __future__ import annotations

from typing import Any, ClassVar

import ftfy
import regex  # type: ignore[import-untyped]
from pydantic import Field

from bezoar_data.measures.checks.marks import TOKENS
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, RowStep, Verdict
from bezoar_data.steps.curation.filter_step import ColumnNames

# Headings of instruction templates, where they open or end the text.
_HEAD = regex.compile(
    r"\A\s*(?:#{2,3}\s*(?:Response|Answer|Output|Assistant|Instruction|Input)\s*:|(?:ASSISTANT|Assistant|AI|Response)\s*:)"
    r"[ \t]*"
)
_TAIL = regex.compile(
    r"\n\s*(?:#{2,3}\s*(?:Instruction|Input|Response|Human|User|Assistant|End)\s*:?|(?:USER|User|HUMAN|Human|ASSISTANT)\s*:)"
    r"\s*\Z"
)
_TRAILING = regex.compile(r"[ \t\u00a0\u3000]+(?=\n|\Z)")
_BLANK = regex.compile(r"\n{3,}")
# Zero-width characters do nothing for a reader, save the joiners that emoji, Persian and Hindi need.
_CONTROL = regex.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\u200b\u2060\ufff9-\ufffb]")


class Clean(RowStep):
    """Clean the text of columns and keep the row.

    Fixes text whose encoding was mistaken ("donâ€™t" is "don't"; by ftfy), removes tokens and headings of prompt
    templates where they open or end the text (<|im_start|>, [INST], "### Response:"), control characters, spaces at
    line ends and more than one empty line. Case, quotes, accents and indentation stay as they are. Lists and records
    are cleaned inside. A row whose column had text and has none left is dropped as `empty_after_cleaning`.
    """

    use: ClassVar[str] = "clean"
    version: ClassVar[int] = 2
    reads: ClassVar[tuple[str, ...]] = ("{column}",)
    writes: ClassVar[tuple[str, ...]] = ("{column}",)
    example: ClassVar[str] = "- use: clean\n  with: {column: [inputs, explained_targets]}\n"

    column: ColumnNames = Field(description="The column to clean, or a list of columns.")
    encoding: bool = Field(default=True, description="Fix mistaken encodings and half characters.")
    templates: bool = Field(
        default=True, description="Remove tokens and headings of prompt templates at the beginning and the end."
    )
    whitespace: bool = Field(default=True, description="Normalise white space and line ends.")

    def run_row(self, row: Row) -> Verdict:
        cleaned: dict[str, Any] = {}
        for column in self.inputs:
            value = row.get(column)
            cleaned[column] = self._clean(value)
            if isinstance(value, str) and value.strip() and not cleaned[column].strip():
                return Dropped("empty_after_cleaning", f"nothing is left of '{column}'")
        return Kept(row.with_columns(**cleaned))

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._clean_text(value)
        if isinstance(value, list | tuple):
            return [self._clean(v) for v in value]
        return {k: self._clean(v) for k, v in value.items()} if isinstance(value, dict) else value

    def _clean_text(self, text: str) -> str:
        if self.encoding and not text.isascii():
            text = fix_encoding(text)
        if self.templates:
            before = None
            while text != before:  # what a token hid can be another one
                before = text
                text = _TAIL.sub("", _HEAD.sub("", _without_tokens(text)))
        if self.whitespace:
            text = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
            text = _BLANK.sub("\n\n", _TRAILING.sub("", text)).strip()
        return text


def _without_tokens(text: str) -> str:
    """The text without the template tokens that frame it. Those of a text that does not both begin and end with one are
    taken off its ends alone: inside it, somebody speaks of them."""
    spans = [match.span() for match in TOKENS.finditer(text)]
    if not spans:
        return text
    opens, closes = not text[: spans[0][0]].strip(), not text[spans[-1][1] :].strip()
    if opens and closes:
        return str(TOKENS.sub("", text))
    if opens:
        return text[spans[0][1] :]
    return text[: spans[-1][0]] if closes else text


def fix_encoding(text: str) -> str:
    """The text as it was before its bytes were read in the wrong encoding. Nothing else about it changes."""
    config = ftfy.TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=True,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        remove_control_chars=False,
        normalization="NFC",
        explain=False,
    )
    return ftfy.fix_text(text, config)
