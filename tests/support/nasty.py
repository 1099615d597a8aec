"""Texts, values and dialogues that went wrong somewhere once, or might: every script, every JSON type, every template's
marks. For `hypothesis`; each strategy shrinks to something plain."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import Any

import regex
from hypothesis import strategies as st

_SCRIPTS = (
    "Latin", "Greek", "Cyrillic", "Armenian", "Hebrew", "Arabic", "Syriac", "Thaana", "Nko", "Devanagari",
    "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala", "Thai",
    "Lao", "Tibetan", "Myanmar", "Georgian", "Hangul", "Ethiopic", "Cherokee", "Ogham", "Runic", "Khmer",
    "Mongolian", "Hiragana", "Katakana", "Bopomofo", "Han", "Yi", "Gothic", "Deseret", "Tifinagh", "Balinese",
    "Coptic", "Vai", "Javanese", "Adlam", "Cuneiform",
)  # fmt: skip


@cache
def letters() -> Sequence[str]:
    """Two letters of every script."""
    found = []
    for script in _SCRIPTS:
        one = regex.compile(rf"\p{{Script={script}}}")
        own = (c for c in map(chr, range(0x1F000)) if unicodedata.category(c) in ("Lo", "Ll", "Lu") and one.match(c))
        found += ["".join(pair) for pair in zip(own, own, strict=False)][:1]
    return found


SIGNS = (
    *("👩‍🚀", "👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇵🇪", "❤️"),
    *("\u200b", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u2066", "\u2069", "\u200f", "e\u0301", "\u0301"),
    *(
        "\x00",
        "\x01",
        "\x07",
        "\x1b[31m",
        "\x7f",
        "\x85",
        "\u2028",
        "\u2029",
        "\r",
        "\r\n",
        "\n",
        "\t",
        "\ufffd",
        "\ufffe",
    ),
    *("<|im_end|>", "<|im_start|>", "[INST]", "[/INST]", "<s>", "</s>", "<|endoftext|>", "<end>", "<extra_id_1>User"),
    *(
        "\n\nHuman: hi",
        "\n\nAssistant:",
        "### Response:",
        "{{ x }}",
        "{% if %}",
        "<b>&amp;</b>",
        "<script>",
        "```",
        "---",
    ),
    *('"', "\\", "\\n", "\\u0041", "'", ",", ";", "|", "=1+1", "null", "NaN", "true", "[1]", '{"role": "user"}', "[]"),
    *("$", "%s", "-", "#", "C++", "١٢", "½", "ﬁ", "ß", "İ", "  "),
)
LONE = ("\ud800", "a\udfffb")


def says_nothing(text: str) -> bool:
    """No sign that could be seen: spaces, controls and formatting alone."""
    return all(unicodedata.category(c) in ("Zs", "Zl", "Zp", "Cc", "Cf") for c in text)


words = st.sampled_from([*SIGNS, *letters(), "plain", "a b", ""])
texts = st.lists(words, max_size=6).map("".join)
spoken = st.lists(words, min_size=1, max_size=6).map("".join).filter(lambda text: not says_nothing(text))
broken_texts = st.one_of(*[spoken] * 8, texts, st.sampled_from(LONE))
"""Most say something: a row in which one text is broken is dropped, and tells nothing of the others."""

numbers = st.sampled_from(
    [
        0,
        1,
        -1,
        2**53,
        2**53 + 1,
        2**63 - 1,
        2**63,
        2**64 - 1,
        -(2**63),
        -(2**63) - 1,
        10**30,
        0.0,
        -0.0,
        0.1,
        1e300,
        4.0,
    ]
)
odd_numbers = st.sampled_from([float("nan"), float("inf"), float("-inf")])
scalars = st.one_of(st.none(), st.booleans(), numbers, odd_numbers, texts)
keys = st.sampled_from(["a", "b", "é", "with space", "role", ""])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=5
)


@st.composite
def dialogues(draw: st.DrawFn) -> list[dict[str, str]]:
    turns = [{"role": "system", "content": draw(spoken)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        turns += [{"role": role, "content": draw(spoken)} for role in ("user", "assistant")]
    if draw(st.integers(0, 4)) == 4:
        turns[-1]["content"] = draw(broken_texts)
    return turns


@st.composite
def pairs(draw: st.DrawFn) -> dict[str, Any]:
    """A pair as some set has it, of a question alone or of a dialogue, and as it is: `asked`, `better`, `worse`."""
    asked = draw(st.one_of(dialogues().map(lambda turns: turns[:-1]), spoken.map(lambda text: [_said("user", text)])))
    better, worse = draw(spoken), draw(broken_texts)
    sides = {"chosen": [_said("assistant", better)], "rejected": [_said("assistant", worse)]}
    wholes = {side: [*asked, *turns] for side, turns in sides.items()}
    ways: list[dict[str, Any]] = [{"prompt": asked, **sides}, wholes, {"prompt": asked, **wholes}]
    if len(asked) == 1:
        ways += [{"prompt": asked[0]["content"], "chosen": better, "rejected": worse}]
    row = draw(st.sampled_from(ways))
    margin = draw(st.sampled_from([None, 0.5, 2, "1.25"]))
    return {"row": row | ({"margin": margin} if margin else {}), "asked": asked, "better": better, "worse": worse}


def _said(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


arguments = st.dictionaries(keys, values, max_size=3).filter(lambda value: is_unicode(value))
functions = st.fixed_dictionaries({"name": spoken, "arguments": arguments.map(json.dumps) | texts})


@st.composite
def tool_dialogues(draw: st.DrawFn) -> dict[str, Any]:
    """A dialogue in which tools are called, with their descriptions, in the inner form."""
    turns: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 2))):
        turns.append(_said("user", draw(spoken)))
        for _ in range(draw(st.integers(0, 2))):
            calls = [{"type": "function", "function": one} for one in draw(st.lists(functions, min_size=1, max_size=2))]
            told = [_said("tool", draw(texts)) for _ in calls]
            if draw(st.booleans()):
                for i, (call, answer) in enumerate(zip(calls, told, strict=True)):
                    call["id"] = answer["tool_call_id"] = f"c{i}"
            turns += [{**_said("assistant", draw(st.just("") | spoken)), "tool_calls": calls}, *told]
        turns.append(_said("assistant", draw(spoken)))
    if draw(st.integers(0, 4)) == 4:
        turns[-1]["content"] = draw(broken_texts)
    tools = draw(st.lists(st.fixed_dictionaries({"name": spoken, "parameters": arguments}), max_size=2))
    return {"messages": turns, "tools": [{"type": "function", "function": tool} for tool in tools]}


def is_unicode(value: Any) -> bool:
    return not regex.search(r"[\ud800-\udfff]", json.dumps(value, ensure_ascii=False))


def same(one: Any, other: Any) -> bool:
    """Equal values, NaN being one, where a file has the keys of all mappings in each."""
    if isinstance(one, dict) and isinstance(other, dict):
        return all(same(one.get(key), other.get(key)) for key in {**one, **other})
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, float) and isinstance(other, float) and one != one:
        return other != other
    return bool(one == other)
