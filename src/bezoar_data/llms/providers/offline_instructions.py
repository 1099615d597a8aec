"""Inventing instructions: the offline teacher's skill for requests that show examples in tags and ask for new ones.

Templates and subjects are combined at random. Subjects are the topics that the request names, and otherwise everyday
ones from a list; which kinds of template come first follows from the examples (questions beget questions). It is no
imagination, but it varies enough to try the whole flow of a generating scheme.
"""

# ruff: noqa: SIM905 - a block of words is easier to read and to extend than a list of strings

from __future__ import annotations

import re

from .offline_compose import Solution
from .offline_prompt import Prompt
from .offline_text import Pick, words

_ASKED = re.compile(r"\b(?:invent|write|create|think of|come up with|generate|give)\s+(\d{1,3})\b", re.I)
_EXAMPLE = re.compile(r"<example>\s*(.+?)\s*</example>", re.S | re.I)
_TOPICS = re.compile(r"\btopics?\b[^\"“\n]{0,40}[\"“]([^\"”\n]{2,300})[\"”]", re.I)
_QUESTION = re.compile(r"\?\s*\Z")

MOST = 100

_QUESTIONS = (
    "What does a beginner most often get wrong about {s}?",
    "Why do people spend their free time on {s}?",
    "What is the difference between knowing {s} from books and knowing it from practice?",
    "How would daily life change if there were no {s}?",
    "Which three words best describe {s}, and why these?",
    "How can I find out whether {s} would suit me as a subject of study?",
    "What should a good documentary about {s} not leave out?",
    "Is it possible to learn the basics of {s} in a single weekend?",
    "What has changed about {s} within the last hundred years?",
    "Who has to know about {s} in their daily work?",
    "Does {s} deserve more room in school lessons?",
    "Which questions about {s} are still open?",
    "How do you explain {s} to a person who has never heard of it?",
    "What do {s} and a game of chess have in common?",
    "Where would you look first for reliable information on {s}?",
    "What could go wrong on a class trip that is all about {s}?",
)
_ORDERS = (
    "Explain {s} to a ten-year-old in no more than four sentences.",
    "List five things that everybody should know about {s}.",
    "Write a short poem about {s} that does not rhyme.",
    "Plan a one-hour lesson on {s} for adults.",
    "Name two arguments for spending public money on {s}, and two against.",
    "Write an e-mail that invites a friend to an evening talk on {s}.",
    "Suggest a title for a book about {s} and write its first sentence.",
    "Make up a riddle whose answer has to do with {s}.",
    "Give three tips to someone who wants to take photographs around the subject of {s}.",
    "Write a dialogue in which two neighbours disagree about {s}.",
    "Describe {s} without using any adjective.",
    "Draw up a checklist for an exhibition on {s} in a village hall.",
    "Compare {s} with gardening in a table of three rows.",
    "Write a limerick in which {s} causes a misunderstanding.",
    "Formulate a quiz question about {s} with four possible answers, and mark the right one.",
    "Think of an experiment or a small survey that would tell us something about {s}.",
    "Write a slogan for a club that is devoted to {s}.",
    "Retell the fable of the tortoise and the hare so that it is about {s}.",
    "Tell a story of exactly three sentences in which {s} saves the day.",
    'Turn this headline into a polite question: "Town council divided over {s}".',
    "Sort these into more and less important for understanding {s}: history, numbers, tools, people.",
    'Rewrite this sentence in a formal style: "Hey, {s} is way cooler than you\'d think!"',
    "Say in one sentence what a museum of {s} could show that no other museum has.",
    "Write a thank-you note to a teacher who made you love {s}.",
)
_SUBJECTS = (
    "beekeeping", "bread", "bridges", "bicycles", "birdsong", "board games", "calendars", "caves", "cheese", "clocks",
    "clouds", "coffee", "coins", "comets", "comics", "deserts", "dictionaries", "dreams", "earthquakes", "embroidery",
    "ferries", "fireworks", "folk songs", "fossils", "glass", "gravity", "handwriting", "harbours", "honey", "ice",
    "insects", "jazz", "juggling", "kites", "knots", "languages", "laughter", "libraries", "lighthouses", "magnets",
    "maps", "markets", "masks", "memory", "mirrors", "mosaics", "mountains", "mushrooms", "noise", "origami", "paper",
    "pigments", "planets", "postage stamps", "pottery", "proverbs", "puppets", "puzzles", "railways", "rain", "recipes",
    "rivers", "robots", "roofs", "salt", "shadows", "shoes", "silk", "sleep", "snow", "soap", "spices", "sundials",
    "swimming", "tea", "telescopes", "theatre", "tides", "trees", "tunnels", "umbrellas", "volcanoes", "wheels",
    "whistles", "windmills", "winter", "woodcarving", "wool", "yeast", "zoos",
)  # fmt: skip


def instructions(prompt: Prompt, pick: Pick) -> Solution | None:
    """New instructions between tags, as many as were asked for, unlike one another."""
    if "<example>" not in prompt.text:
        return None
    examples, asked = _EXAMPLE.findall(prompt.text), _ASKED.search(prompt.text)
    if not examples or not asked:
        return None
    count = min(int(asked[1]), MOST)
    named = _TOPICS.search(prompt.text)
    subjects = [_inside(t) for t in named[1].split(",") if words(t)] if named else []
    made = _combined(subjects, sum(1 for e in examples if _QUESTION.search(e)) / len(examples), count, pick)
    return Solution(
        "New requests are wanted, of the nature of the examples but on other matters.",
        (),
        "They differ from the examples in subject and in what has to be done.",
        product="\n".join(f"<example>{text}</example>" for text in made),
    )


def _inside(topic: str) -> str:
    """A topic as it reads inside a sentence: names of the list begin with a capital there."""
    topic = topic.strip()
    lower = topic[:1].lower() + topic[1:]
    return lower if not any(w[:1].isupper() for w in topic.split()[1:]) and topic.split()[0] not in _PROPER else topic


_PROPER = frozenset(
    "Africa Antarctica Balkans Caribbean Scandinavia Polynesia Mesopotamia Buddhism Christianity Hinduism Islam Judaism"
    " Taoism Latin Esperanto Vikings Greek Norse Gothic Internet E-books Olympic".split()
)


def _combined(subjects: list[str], questions: float, count: int, pick: Pick) -> list[str]:
    """Templates filled with subjects. No template comes twice before all have come once, so texts differ in kind."""
    about = subjects or [pick.one(_SUBJECTS) for _ in range(count)]
    templates: dict[bool, list[str]] = {True: [], False: []}
    made: list[str] = []
    for i in range(4 * count):
        if len(made) == count:
            break
        asks = pick.below(100) < 20 + 60 * questions
        if not templates[asks]:
            templates[asks] = list(_QUESTIONS if asks else _ORDERS)
        kind = templates[asks].pop(pick.below(len(templates[asks])))
        text = kind.format(s=about[i % len(about)])
        if text not in made:
            made.append(text)
    return made
