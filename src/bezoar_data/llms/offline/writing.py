"""Skills that remake a text: keywords joined into a sentence, data put into words, sentences reworded, translation.

Where a skill cannot do the thing itself (it knows no second language), it lays out how the thing is done and stops.
"""

# ruff: noqa: E501 - a sentence the model says stays on one line

from __future__ import annotations

import re

from .compose import Solution
from .prompt import Prompt, given_text
from .text import Pick, listed, quoted, sentence, sentences, topic_words, with_article

_TRANSLATE = re.compile(
    r"\btranslate\b (?:the|this|these|it|that|into|to|from|following|each|a)\b|\btranslate\s*[:\"“]|\btranslation (?:of|into|to)\b"
    r"|how (?:do|would) (?:you|i|one) say\b|\bsay .{1,80} in (?:french|spanish|german|italian|portuguese|latin|chinese|japanese)\b"
)
_LANGUAGE = re.compile(r"\b(?:to|into|in)\s+([A-Z][a-z]{3,})\b")
_REWRITE = re.compile(
    r"\b(?:rewrite|rephrase|reword|paraphrase|reformulate|say .{0,30} (?:differently|in other words)|make .{0,40}(?:formal|polite|shorter|simpler)|simplif|more (?:formal|polite))"
)


def from_data(prompt: Prompt, pick: Pick) -> Solution | None:
    """A sentence from keywords or from attribute pairs."""
    if (
        "=" not in prompt.text
        and "[" not in prompt.text
        and not re.search(r"(?i)keywords|concepts|words|things", prompt.text)
    ):
        return None
    low = prompt.text.lower()
    keywords = prompt.field("keywords", "concepts", "words", "concept set")
    found = re.search(
        r"(?i)(?:keywords|concepts|(?:these|following) (?:words|things|concepts|keywords))\b[^:]{0,30}:\s*([^\n]+)",
        prompt.text,
    )
    keywords = keywords or (found.group(1) if found else "")
    if keywords and re.search(r"sentence|text|story|describe", low):
        names = [w.strip(" .'\"") for w in re.split(r"[,;#]| - ", keywords) if w.strip(" .'\"")]
        if 2 <= len(names) <= 8:
            return _joined(names, pick)
    pairs = re.findall(r"([A-Za-z][\w ]{1,24}?)\s*[=\[]\s*([^,;\]\n=]{1,60})\]?", prompt.passage or prompt.question)
    if len(pairs) >= 2 and re.search(r"sentence|text|describe|restaurant|data|attributes|verbaliz", low):
        return _verbalised([(k.strip(), v.strip()) for k, v in pairs][:8], pick)
    return None


def _joined(names: list[str], pick: Pick) -> Solution:
    text = pick.one(
        (
            f"On a quiet afternoon we came across {listed([with_article(n) for n in names])}, and together they made a little scene of their own.",
            f"In the picture one can see {listed([with_article(n) for n in names])}, all in the same place and at the same time.",
            f"The day was about {listed(names)}, and each of them played its part.",
        )
    )
    return Solution(
        f"A single sentence is wanted that uses {listed([quoted(n) for n in names])}.",
        (
            "Every word of the list has to appear, and the sentence should still read naturally.",
            "A simple scene lets the words stand side by side without forcing them.",
        ),
        "All the given words appear in it.",
        product=text,
    )


def _verbalised(pairs: list[tuple[str, str]], pick: Pick) -> Solution:
    named = {k.lower(): v for k, v in pairs}
    subject = named.pop("name", "") or named.pop("title", "")
    rest = [(k, v) for k, v in pairs if v != subject]
    facts = [f"the {_spaced(k)} is {v}" for k, v in rest]
    text = f"For {subject}, {listed(facts)}." if subject else sentence(listed(facts))
    return Solution(
        pick.one(
            ("The given data has to be put into words.", "We are asked to turn a small table of facts into a sentence.")
        ),
        (
            f"There are {len(pairs)} facts, and each must be said once: {listed([_spaced(k) for k, _ in pairs])}.",
            "No fact may be changed, and none may be added.",
        ),
        "Each fact of the data is said once.",
        product=text,
    )


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).lower()


def translate(prompt: Prompt, pick: Pick) -> Solution | None:
    """No second language is built in, so the way to a translation is laid out instead of one being made up."""
    low = prompt.low
    if not _TRANSLATE.search(low):
        return None
    language = _LANGUAGE.search(f"{prompt.definition} {prompt.question}")
    name = language.group(1) if language else "the other language"
    source = (
        prompt.field("sentence", "text", "input", "english") or given_text(prompt) or prompt.passage or prompt.question
    )
    words = topic_words(source, 5)
    return Solution(
        pick.one(
            (
                f"The sentence {quoted(source)} has to be carried over into {name}.",
                f"A translation into {name} is asked for, and the text is {quoted(source)}",
            )
        ),
        (
            f"First one settles what the text says: it speaks of {listed(words) if words else 'what is quoted above'}.",
            f"Next, each of these words is looked up in a dictionary of {name}, together with its gender, number or case where {name} marks them.",
            f"Then the words are put into the order that {name} prefers, and the verb takes the tense of the original.",
            "Last, the result is read aloud to hear whether it sounds like something a native speaker would say.",
        ),
        f"Following this path gives a faithful rendering of {quoted(source)} in {name}.",
        "The built-in demo model holds no dictionary of other languages, so it explains the way and leaves the final wording to a translator.",
    )


_FORMAL = {
    "can't": "cannot",
    "don't": "do not",
    "doesn't": "does not",
    "didn't": "did not",
    "won't": "will not",
    "isn't": "is not",
    "aren't": "are not",
    "i'm": "I am",
    "i've": "I have",
    "i'll": "I will",
    "it's": "it is",
    "that's": "that is",
    "we're": "we are",
    "you're": "you are",
    "they're": "they are",
    "let's": "let us",
    "wasn't": "was not",
    "couldn't": "could not",
    "wouldn't": "would not",
    "shouldn't": "should not",
    "haven't": "have not",
    "hasn't": "has not",
    "gonna": "going to",
    "wanna": "want to",
    "gotta": "have to",
    "hey": "hello",
    "hi": "hello",
    "thanks": "thank you",
    "yeah": "yes",
    "ok": "all right",
    "need": "require",
    "buy": "purchase",
    "bought": "purchased",
    "help": "assist",
    "ask": "enquire",
    "asap": "as soon as possible",
    "kids": "children",
    "a lot of": "many",
    "lots of": "many",
    "start": "begin",
    "show": "demonstrate",
    "tell": "inform",
    "try": "attempt",
    "enough": "sufficient",
}
_PLAIN = {
    "due to the fact that": "because",
    "in order to": "to",
    "at this point in time": "now",
    "took the decision to": "decided to",
    "made the decision to": "decided to",
    "purchase": "buy",
    "purchased": "bought",
    "assist": "help",
    "assistance": "help",
    "commence": "start",
    "commenced": "started",
    "terminate": "end",
    "utilize": "use",
    "utilise": "use",
    "utilized": "used",
    "numerous": "many",
    "require": "need",
    "requires": "needs",
    "required": "needed",
    "obtain": "get",
    "obtained": "got",
    "sufficient": "enough",
    "additional": "more",
    "approximately": "about",
    "demonstrate": "show",
    "demonstrated": "showed",
    "endeavour": "try",
    "attempt": "try",
    "prior to": "before",
    "subsequently": "later",
    "therefore": "so",
    "inquire": "ask",
    "enquire": "ask",
    "reside": "live",
    "residence": "home",
    "difficult": "hard",
    "construct": "build",
    "constructed": "built",
    "consume": "eat",
    "children": "kids",
    "large": "big",
    "begin": "start",
    "began": "started",
    "quickly": "fast",
    "happy": "glad",
    "small": "little",
    "often": "frequently",
    "very": "really",
    "important": "key",
    "beautiful": "lovely",
}


def rewrite(prompt: Prompt, pick: Pick) -> Solution | None:
    """The same sentence with other words, from a short list of swaps."""
    if (
        not _REWRITE.search(prompt.low)
        or prompt.options
        or re.search(r"\btense\b|\bplural\b|\bpassive\b|\bactive\b", prompt.low)
    ):
        return None
    source = given_text(prompt) or prompt.passage
    if not 8 <= len(source) <= 900:
        return None
    formal = bool(re.search(r"formal|polite|profession|business", prompt.low)) and "informal" not in prompt.low
    table = _FORMAL if formal else _PLAIN
    changed: list[str] = []

    def swap(match: re.Match[str]) -> str:
        found = match.group(0)
        new = table.get(found.lower().replace("’", "'"))
        if new is None:
            return found
        changed.append(f"{quoted(found)} by {quoted(new)}")
        return new[0].upper() + new[1:] if found[0].isupper() else new

    text = sentence(
        re.sub(
            r"(?i)\b(?:a lot of|lots of|prior to|due to the fact that|in order to|at this point in time|took the decision to|made the decision to|[\w]+(?:['’]\w+)?)\b",
            swap,
            source,
        )
    )
    polite = "polite" in prompt.low
    if not changed and polite:
        changed_step = "An order hurts where a request would not, so each order is put as a question."
    elif not changed:
        text = _turned(text)
        changed_step = "No word had to go, so the change lies in the order: the parts of the sentence change places."
    else:
        changed_step = f"Here it is enough to replace {listed(list(dict.fromkeys(changed))[:4])}."
    if formal and "polite" in prompt.low and not re.search(r"(?i)\bplease\b|would you", text):
        text = _politely(text)
    manner = "a more formal way" if formal else "other words"
    return Solution(
        pick.one(
            (
                f"The sentence {quoted(source)} has to be said in {manner}.",
                f"We are asked to say {quoted(source)} in {manner}.",
            )
        ),
        ("The meaning must stay as it is, while the wording changes.", changed_step),
        "The meaning is the same as before.",
        product=text,
    )


_ORDERS = re.compile(
    r"^(?:turn|send|bring|give|tell|come|go|open|close|stop|move|put|take|call|write|wait|be|help|show|let|leave|keep|make|clean|answer|get|sit|look|read)\b",
    re.I,
)


def _politely(text: str) -> str:
    """Orders become requests; anything else is left standing behind a friendly word."""
    parts = sentences(text)
    asked = [f"Could you please {p[0].lower()}{p[1:].rstrip('.!')}?" if _ORDERS.match(p) else p for p in parts]
    if asked == parts:
        return (
            f"If I may say so, {text[0].lower()}{text[1:]}"
            if not text.startswith(("I ", "I'"))
            else f"If I may say so, {text}"
        )
    return " ".join(asked)


def _turned(text: str) -> str:
    head, comma, tail = text.rstrip(".").partition(", ")
    if comma and len(head.split()) >= 2 and len(tail.split()) >= 2 and "," not in tail:
        first = (
            head[0].lower() + head[1:]
            if head.split()[0].lower()
            in ("when", "after", "before", "because", "if", "in", "on", "although", "while", "during", "at")
            else head
        )
        return (
            sentence(f"{tail[0].upper()}{tail[1:]}, {first}") if first != head else f"One could also say this: {text}"
        )
    return f"To put it another way, {text[0].lower() + text[1:] if text.split()[0] in ('The', 'A', 'An', 'This', 'It', 'We', 'They', 'He', 'She', 'There', 'My', 'Our') else text}"
