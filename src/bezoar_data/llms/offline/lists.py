"""Work on letters and lists that rules can do exactly: reverse, sort, count, change case, pick the longest."""

# ruff: noqa: E501 - a sentence the model says stays on one line

from __future__ import annotations

import re

from .compose import Solution
from .prompt import Prompt, given_text
from .text import Pick, quoted


def textwork(prompt: Prompt, pick: Pick) -> Solution | None:
    """Work on letters and lists that can be done exactly: reverse, sort, count, change case, pick the longest."""
    if prompt.options and not prompt.definition:
        return None
    low = prompt.low
    items = _items(prompt)
    if items and re.search(r"\brevers\w+\b.{0,40}\b(?:list|order|words|numbers)", low):
        return _done(
            prompt,
            pick,
            "The items are written down again from the last to the first.",
            _spell_list(items[::-1], prompt),
        )
    if items and re.search(r"\b(?:sort|arrange|alphabetical|ascending|descending)", low):
        return _sorted(prompt, pick, items, low)
    if (
        items
        and re.search(r"\b(?:largest|biggest|maximum|highest|smallest|lowest|minimum)\b", low)
        and all(_is_number(i) for i in items)
    ):
        least = re.search(r"\b(?:smallest|lowest|minimum)\b", low)
        value = (min if least else max)(items, key=lambda i: float(i.replace(",", "")))
        return _done(
            prompt,
            pick,
            f"Every number is compared with the {'smallest' if least else 'largest'} one seen so far.",
            value,
        )
    if items and re.search(r"\blongest word|shortest word", low):
        value = (max if "longest" in low else min)(items, key=len)
        return _done(prompt, pick, "The letters of each word are counted and compared.", value)
    target = given_text(prompt)
    if target and (
        letter := re.search(r"(?:how (?:often|many times)|count|number of)\b.{0,30}\bletter ['\"“]?([a-z])\b", low)
    ):
        what = letter.group(1)
        how = f"Going through {quoted(target)} letter by letter, each {quoted(what)} is counted."
        return _done(prompt, pick, how, str(target.lower().count(what)))
    if target and (
        counted := re.search(
            r"how many (words|letters|characters|vowels)|(?:count|number of) (?:the )?(?:number of )?(words|letters|characters|vowels)",
            low,
        )
    ):
        what = counted.group(1) or counted.group(2)
        number = {
            "words": len(target.split()),
            "letters": sum(c.isalpha() for c in target),
            "characters": len(target),
            "vowels": sum(c in "aeiouAEIOU" for c in target),
        }[what]
        return _done(prompt, pick, f"Going through {quoted(target)} one by one, the {what} are counted.", str(number))
    if target and re.search(r"upper ?case|capital letters|\ball caps\b", low):
        return _done(prompt, pick, "Each small letter is replaced by its capital.", target.upper())
    if target and re.search(r"lower ?case|small letters", low):
        return _done(prompt, pick, "Each capital letter is replaced by its small form.", target.lower())
    if target and re.search(r"(?:spell|write|type)\b.{0,60}\bbackwards?\b|reverse the (?:word|string|letters)", low):
        return _done(prompt, pick, "The letters are written down from the last to the first.", target[::-1])
    return None


def _items(prompt: Prompt) -> list[str]:
    source = prompt.field("input", "list", "words", "numbers", "items") or prompt.passage or prompt.question
    inside = re.search(r"\[([^\]]{3,600})\]", source)
    text = inside.group(1) if inside else source.rpartition(":")[2]
    if "\n" in text.strip() and "," not in text:
        parts = [p.strip(" -*•\t") for p in text.strip().split("\n")]
    else:
        parts = [re.sub(r"^and\s+", "", p.strip(" '\"“”.\n")) for p in text.split(",")]
    return parts if len(parts) >= 3 and all(0 < len(p) <= 40 for p in parts) else []


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d[\d,]*(?:\.\d+)?", text))


def _spell_list(items: list[str], prompt: Prompt) -> str:
    return "[" + ", ".join(items) + "]" if "[" in prompt.text else ", ".join(items)


def _sorted(prompt: Prompt, pick: Pick, items: list[str], low: str) -> Solution:
    down = bool(
        re.search(
            r"descend|(?:largest|biggest|longest|highest|high) to (?:the )?(?:smallest|shortest|lowest|low)|reverse",
            low,
        )
    )
    if re.search(r"\blengths?\b|\b(?:shortest|longest)\b|number of letters", low):
        ordered = sorted(items, key=len, reverse=down)
        how = f"The letters of each item are counted, and the {'longest' if down else 'shortest'} item is put first."
        return _done(prompt, pick, how, _spell_list(ordered, prompt))
    if all(_is_number(i) for i in items):
        ordered = sorted(items, key=lambda i: float(i.replace(",", "")), reverse=down)
        how = f"The numbers are compared pair by pair and put in order, the {'largest' if down else 'smallest'} first."
    else:
        ordered = sorted(items, key=str.casefold, reverse=down)
        how = f"The items are compared letter by letter and put in {'reverse ' if down else ''}alphabetical order."
    return _done(prompt, pick, how, _spell_list(ordered, prompt))


def _done(prompt: Prompt, pick: Pick, how: str, result: str) -> Solution:
    return Solution(
        pick.one(
            (
                f"The task asks for the following: {quoted(prompt.definition or prompt.question, 220)}",
                f"What has to be done is this: {quoted(prompt.definition or prompt.question, 220)}",
            )
        ),
        (how, "Nothing is added and nothing is lost on the way."),
        pick.one((f"The result is {result}", f"This gives {result}", f"The answer is {result}")),
        "This follows exactly from what was given.",
    )
