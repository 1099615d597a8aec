"""The forms in which teachers write down a list of instructions: tags, JSON, labels, numbers, bullets.

Asked for tags, half of all models answer in another form. A form is read where it says by itself where each
instruction begins and ends; where that would take a guess, the entry is `unclear`, or the whole answer is not read and
`Reading.why` says why. Prose is never read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from bezoar_data.steps.wrapping import unfenced

UNCLOSED = "unclosed"
UNOPENED = "unopened"
UNCLEAR = "unclear"

_NAMES = "instruction|request|task|question|prompt|query"
_EXAMPLE_TAG = re.compile(r"(?:<|&lt;|\\<)\s*(/?)\s*example(?:[\s_#:-]*\d+|\s+[^<>\n]{1,60})?\s*\\?(?:>|&gt;)", re.I)
_OTHER_TAG = re.compile(rf"<\s*(/?)\s*(?:{_NAMES})(?:[\s_#:-]*\d+|\s+[^<>\n]{{1,60}})?\s*>", re.I)
_JSON_BEGINS = re.compile(r"^[ \t]*(?:```[ \t]*(?:json)?[ \t]*\n[ \t]*)?(?=[\[{])", re.M | re.I)
_LIST_IN_OBJECT = re.compile(r'\{\s*"[^"\n]{1,40}"\s*:\s*(?=\[)')

_NUMBERED = re.compile(r"^( {0,3})(?:\*\*|__)?(?:(\()?(\d{1,3})([.)])|#(\d{1,3})[.):]?)(?:\*\*|__)?[ \t]+(?=\S)")
_BULLET = re.compile(r"^( {0,3})([-*•–])[ \t]+(?=\S)")
_MARK = r"(?:\d{1,3}[.)]\s+|[-*•]\s+)?"
_LABEL = re.compile(
    rf"^[ \t>]*(?:\#{{1,6}}[ \t]*{_MARK}|{_MARK})(\*\*|__)?[ \t]*(?:the |new )?"
    rf"(?P<name>{_NAMES}|example|q|response|answer|output|solution|assistant|reply|explanation|a|input|context)"
    r"[ \t]*(?P<number>\#?\d{1,3})?[ \t]*(?P<colon>[:.)]?)[ \t]*(?(1)(?:\*\*|__))[ \t]*(?P<after>:?)"
    r"[ \t]*(?P<rest>.*)$",
    re.I,
)
_ANSWERS = frozenset({"response", "answer", "output", "solution", "assistant", "reply", "explanation", "a"})
_INPUTS = frozenset({"input", "context"})

_ANNOUNCED = re.compile(r"\b(?:requests|instructions|prompts|questions|tasks|examples|queries|ones|exercises)\b", re.I)
_TELLS_HOW = re.compile(
    r"\b(?:steps?|follow|how to|(?:instructions|tasks) (?:for|to|on)|the (?:answer|question)s?)\b", re.I
)
_NICETY = re.compile(r"\A(?:sure|certainly|of course|absolutely|okay|ok|great|yes)\b[^.!:\n]{0,40}[.!:]*\Z", re.I)
_NOTE = re.compile(
    r"\A\W*(?:i hope|hope|let me know|feel free|these|all of these|note|enjoy|would you|if you|please let|do you|"
    r"happy to|is there|i can|i have|i've|each of|that'?s|---)",
    re.I,
)
_CHOICE = re.compile(r"^\s*\(?[a-hA-H][.)]\s")
_ENDS = re.compile(r"[.!?…][\"'”’)*_\]]*\Z")
_LONGEST_PREAMBLE = 60


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an answer that stands where an instruction should, and what its form says against it, if anything."""

    text: str
    reason: str = ""


class NotReadError(Exception):
    """The answer has something of a form, but it cannot be told what its instructions are."""


def read_pieces(text: str, *, cut: bool) -> tuple[list[Piece], str]:
    """The pieces of an answer, read in the first form it has; if there are none, why. `cut` says that the token limit
    ended it: its last piece is then no whole one."""
    text = unfenced(text)
    if not text:
        return [], "the answer is empty"
    whys = []
    for form in (_json, _tagged, _labelled, _numbered, _bulleted):
        try:
            if found := form(text, cut):
                return found, ""
        except NotReadError as error:
            whys.append(str(error))
    return [], whys[0] if whys else "there is nothing between <example> tags, and there is no list"


# --- tags


def _tagged(text: str, cut: bool) -> list[Piece]:
    for tag in (_EXAMPLE_TAG, _OTHER_TAG):
        found = _between(text, list(tag.finditer(text)), cut)
        if len(found) == 1 and not found[0].reason and (inside := _list_inside(found[0].text)):
            return inside
        if found:
            return found
    return []


def _between(text: str, tags: Sequence[re.Match[str]], cut: bool) -> list[Piece]:
    """The texts between tags. Where a tag is missing, a text of one line that another tag ends is whole; any other
    is not. A teacher that closes none of its tags may leave the last one open too."""
    found: list[Piece] = []
    opened: int | None = None
    ended = 0
    for tag in tags:
        before = text[ended if opened is None else opened : tag.start()]
        if not tag[1]:
            if opened is not None and _speaks(before):
                found.append(Piece(before, "" if _is_line(before) else UNCLOSED))
            opened = tag.end()
        else:
            if opened is not None or _speaks(before):
                found.append(Piece(before, "" if opened is not None else UNOPENED))
            opened = None
        ended = tag.end()
    if opened is not None and (_speaks(text[opened:]) or not found):
        whole = len(found) > 0 and not any(tag[1] for tag in tags) and _is_line(text[opened:]) and not cut
        found.append(Piece(text[opened:], "" if whole else UNCLOSED))
    return found


def _list_inside(text: str) -> list[Piece]:
    """The entries of a whole list that stands between one pair of tags."""
    for form in (_json, _labelled, _numbered, _bulleted):
        try:
            found = form(text.strip("\n"), False)
        except NotReadError:
            continue
        if found and not _lead_in(text):
            return found
    return []


def _lead_in(text: str) -> bool:
    """Whether a text begins with a line of its own, so that the list below it is its material."""
    first = text.strip().split("\n", 1)[0]
    return not (_NUMBERED.match(first) or _BULLET.match(first) or _LABEL.match(first) or first[:1] in "[{")


def _speaks(text: str) -> bool:
    return re.search(r"\w", text) is not None


def _is_line(text: str) -> bool:
    return "\n" not in text.strip()


# --- JSON


def _json(text: str, cut: bool) -> list[Piece]:
    begins = _JSON_BEGINS.search(text)
    if begins is None or not _is_preamble(text[: begins.start()]):
        return []
    body = text[begins.end() :]
    pieces: list[Piece] = []
    place = 0
    decoder = json.JSONDecoder(strict=False)
    if opened := re.match(r"\[", body) or _LIST_IN_OBJECT.match(body):
        place = opened.end() + (body[opened.end() : opened.end() + 1] == "[")
    while place < len(body):
        if skipped := re.compile(r"[\s,]+").match(body, place):
            place = skipped.end()
            continue
        if body[place] not in '"{[':
            break
        try:
            value, place = decoder.raw_decode(body, place)
            pieces += _of_value(value)
        except json.JSONDecodeError:
            return [*pieces, Piece(body[place:].lstrip('{["'), UNCLOSED)]
        except RecursionError:
            raise NotReadError("its JSON is nested too deep") from None
    return pieces


def _of_value(value: Any) -> Iterable[Piece]:
    """What an entry of a JSON list says, or a whole object: a text, an object with one, or several."""
    if isinstance(value, str):
        return [Piece(value)]
    if isinstance(value, list):
        return [piece for inner in value for piece in _of_value(inner)]
    if not isinstance(value, dict):
        return [Piece(str(value), UNCLEAR)]
    plain = {re.sub(r"[\W\d_]+", "", str(key)).lower(): inner for key, inner in value.items()}
    if len(plain) < len(value):  # "1", "2", "3", or "instruction_1", "instruction_2"
        texts = [inner for inner in value.values() if isinstance(inner, str)]
        return [Piece(inner) for inner in texts] if len(texts) == len(value) else [Piece(_shown(value), UNCLEAR)]
    lists = [inner for inner in value.values() if isinstance(inner, list)]
    if len(lists) == 1 and not any(name in plain for name in _NAMES.split("|")):
        return _of_value(lists[0])
    named = [name for name in (*_NAMES.split("|"), "example", "text") if isinstance(plain.get(name), str)]
    if not named or (len(named) > 1 and named[0] != "instruction"):
        return [Piece(_shown(value), UNCLEAR)]
    material = next((plain[name] for name in _INPUTS if isinstance(plain.get(name), str)), "").strip()
    return [Piece("\n\n".join(part for part in (plain[named[0]].strip(), material) if part))]


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# --- labels


def _labelled(text: str, cut: bool) -> list[Piece]:
    """Entries under labels such as `**Instruction:**`, `Q:` or `### Task 3`, without what stands under an answer's."""
    entries: list[_Entry] = []
    for line in _lines(text):
        label = None if line.code else _label_of(line.text)
        name = label["name"].lower() if label else ""
        if label and name not in _ANSWERS | _INPUTS:
            if entries and not entries[-1].lines:  # a label within a label: `Example 1:`, then `Instruction:`
                entries.pop()
            entries.append(_Entry([label["rest"]] if label["rest"].strip() else []))
        elif entries and label and name in _ANSWERS:
            entries[-1].answered = True
            if name == "a":
                entries[-1].choices.append(line.text)
        elif entries and not entries[-1].answered:
            entries[-1].lines.append(("\n" + label["rest"]) if label else line.text)
        elif entries and re.match(r"\s*\(?B[.:)]", line.text) and entries[-1].choices:
            entries[-1].ambiguous = True
    entries = [entry for entry in entries if entry.lines]
    if len(entries) < 2:  # one label alone may be the teacher's answer to an example
        return []
    return _pieces_of(entries, cut)


def _label_of(line: str) -> re.Match[str] | None:
    label = _LABEL.match(line)
    if label is None:
        return None
    heading = line.lstrip(" >\t").startswith("#") and not label["rest"].strip()
    marked = label["colon"] == ":" or label["after"] == ":" or (label["number"] and label["colon"])
    return label if heading or marked or (label[1] and not label["rest"].strip()) else None


# --- numbers and bullets


def _numbered(text: str, cut: bool) -> list[Piece]:
    preamble, entries, numbers = _entries(text, _NUMBERED, lambda m: (m[1], m[2], m[4]), lambda m: int(m[3] or m[5]))
    if len(entries) < 2:
        return []
    if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        raise NotReadError("there are numbered lines, but their numbers do not run on")
    _check_preamble(preamble)
    return _pieces_of(entries, cut)


def _bulleted(text: str, cut: bool) -> list[Piece]:
    preamble, entries, _ = _entries(text, _BULLET, lambda m: (m[1], m[2]), lambda m: 0)
    if len(entries) < 3:
        return []
    _check_preamble(preamble)
    return _pieces_of(entries, cut)


def _check_preamble(text: str) -> None:
    if not _is_preamble(text):
        raise NotReadError("a list comes after prose that does not announce it")


def _entries(
    text: str,
    mark: re.Pattern[str],
    style: Callable[[re.Match[str]], Any],
    number: Callable[[re.Match[str]], int],
) -> tuple[str, list[_Entry], list[int]]:
    """What stands before a list, its entries, and their numbers. All marks have the style of the first."""
    before: list[str] = []
    entries: list[_Entry] = []
    numbers: list[int] = []
    first: Any = None
    for line in _lines(text):
        found = None if line.code else mark.match(line.text)
        if found and (first is None or style(found) == first):
            first = style(found)
            entries.append(_Entry([line.text[found.end() :]]))
            numbers.append(number(found))
        elif not entries:
            before.append(line.text)
        elif not entries[-1].answered:
            label = None if line.code else _label_of(line.text)
            if label and label["name"].lower() in _ANSWERS - {"a"}:
                entries[-1].answered = True
            else:
                entries[-1].lines.append(line.text)
    return "\n".join(before), entries, numbers


# --- shared


@dataclass(slots=True)
class _Line:
    text: str
    code: bool


class _Entry:
    """An entry of a list while it is read: its lines, and whether an answer's label ended it."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.choices: list[str] = []
        self.answered = False
        self.ambiguous = False


def _lines(text: str) -> Iterable[_Line]:
    code = False
    for line in text.split("\n"):
        fence = line.lstrip().startswith("```")
        yield _Line(line, code or fence)
        code ^= fence


def _pieces_of(entries: Sequence[_Entry], cut: bool) -> list[Piece]:
    pieces = [_piece(entry, last=i == len(entries) - 1) for i, entry in enumerate(entries)]
    if cut:
        pieces[-1] = Piece(pieces[-1].text, UNCLOSED)
    return pieces


def _piece(entry: _Entry, *, last: bool) -> Piece:
    """An entry's text. Lines that follow a finished sentence may be its material, an answer or a closing remark: they
    are taken where their own form tells (a choice, a code block, what a colon leads to), and leave it unclear else."""
    text, *rest = "\n".join(entry.lines).strip().split("\n")
    code = gap = False
    for line in rest:
        fence = line.lstrip().startswith("```")
        if code or fence or _CHOICE.match(line) or (line.strip() and _is_led_to(text, gap)):
            text += "\n" * (1 + gap) + line
            code ^= fence
        elif line.strip() and not gap and not _ENDS.search(text):
            text += f" {line.strip()}"
        elif line.strip():
            if last and gap and _NOTE.match(line):
                break
            whole = "\n".join(entry.lines).strip()
            # Whatever stands before an answer's own label is the instruction's.
            return Piece(whole, "" if entry.answered and not entry.ambiguous else UNCLEAR)
        gap = not line.strip() and not code
    return Piece(text, UNCLEAR if entry.ambiguous else "")


def _is_led_to(text: str, gap: bool) -> bool:
    """Whether a text asks for another line as its material: a colon leads to it, or led to the line above."""
    lines = text.rstrip().split("\n")
    return lines[-1].rstrip().endswith(":") or (not gap and any(line.rstrip().endswith(":") for line in lines[:-1]))


def _is_preamble(text: str) -> bool:
    """Whether the words before a list only announce it: nothing, a nicety, or a line on the requests that follow."""
    words = text.split()
    if not words:
        return True
    lines = [line.strip(" *_#") for line in text.splitlines() if line.strip(" *_#-")]
    if len(words) > _LONGEST_PREAMBLE or not lines:
        return not lines
    if all(_NICETY.match(line) for line in lines):
        return True
    said = " ".join(lines)
    ends = lines[-1].endswith((":", ".", "!")) or text.lstrip().startswith(("#", "*"))
    return ends and _ANNOUNCED.search(said) is not None and not _TELLS_HOW.search(said)
