"""Inventing instructions: the offline teacher's skill for requests that show examples in tags and ask for new ones.

Templates and subjects are combined at random; to what it invented itself, the teacher has neutral answers. Subjects are the topics that the request names, and otherwise everyday
ones from a list; which kinds of template come first follows from the examples (questions beget questions). It is no
imagination, but it varies enough to try the whole flow of a generating scheme.
"""

# ruff: noqa: E501, SIM905 - a sentence stays on one line, and a block of words is easier to read than a list

from __future__ import annotations

import re

from .compose import Solution
from .prompt import Prompt
from .text import Pick, words

_ASKED = re.compile(r"\b(?:invent|write|create|think of|come up with|generate|give)\s+(\d{1,3})\b", re.I)
_EXAMPLE = re.compile(r"<example>\s*(.+?)\s*</example>", re.S | re.I)
_TOPICS = re.compile(r"\btopics?\b[^\"“\n]{0,40}[\"“]([^\"”\n]{2,300})[\"”]", re.I)
_QUESTION = re.compile(r"\?\s*\Z")

MOST = 100

_QUESTIONS: dict[str, str] = {
    "What does a beginner most often get wrong about {s}?": "Beginners often want to know all of {s} at once, and give up early; one small part, done well, is the better start.",
    "Why do people spend their free time on {s}?": "Because {s} can be enjoyed at any level, alone or in company, and there is always something left to discover.",
    "What is the difference between knowing {s} from books and knowing it from practice?": "Books tell what usually happens with {s}; practice shows what happens this time, and what to do then.",
    "How would daily life change if there were no {s}?": "At first hardly anyone would notice; then the people who work with {s} would be missed, and after them the small habits that depend on it.",
    "Which three words best describe {s}, and why these?": "Slow, surprising and shared: with {s} everything takes time, little goes as planned, and company helps.",
    "How can I find out whether {s} would suit me as a subject of study?": "Read one introduction to {s}, talk to somebody who works with it, and try a first exercise before you decide.",
    "What should a good documentary about {s} not leave out?": "The people who know {s} from their daily work, a mistake and what was learned from it, and one question that is still open.",
    "Is it possible to learn the basics of {s} in a single weekend?": "Yes, enough to follow a conversation about {s}, but not enough to give advice.",
    "Who has to know about {s} in their daily work?": "Those who teach {s}, those who make or repair what it needs, and those who write about it.",
    "Should {s} get more room in school lessons?": "A little: one well-planned week on {s} would be worth more than a chapter in every year.",
    "How do you explain {s} to a person who has never heard of it?": "Start with something the person knows, say what {s} and that thing share and what not, and then show an example.",
    "What do {s} and a game of chess have in common?": "In both, {s} and chess, the first moves are easy to learn, and the order in which things are done decides a lot.",
    "Where would you look first for reliable information on {s}?": "In a recent handbook on {s} from a public library, and then in the sources that it names.",
    "What could go wrong on a class trip that is all about {s}?": "The bus could be late, the guide could know too much about {s} to stop talking, and somebody will have forgotten lunch.",
}
"""Questions on a subject, each with what the teacher answers when it is asked one. The answers hold no facts."""
_ORDERS: dict[str, str] = {
    "Explain {s} to a ten-year-old in no more than four sentences.": "Imagine a big box with many drawers, and on the box it says {s}. In each drawer lies one thing that people have found out. Nobody has opened all the drawers yet. You can begin with any drawer you like.",
    "List five things that everybody should know about {s}.": "1. The words that people use when they speak of {s}.\n2. Where it is met in daily life.\n3. What it costs in time and money.\n4. Which mistakes are common.\n5. Whom to ask.",
    "Write a short poem about {s} that does not rhyme.": "I looked for {s}\nin the drawer with the string and the stamps.\nIt was not there.\nIt was in the way you laughed\nwhen I asked.",
    "Plan a one-hour lesson on {s} for adults.": "0-10 minutes: everyone says what {s} brings to mind.\n10-30: an introduction with one example.\n30-50: work in pairs on a small task.\n50-60: questions, and one thing to try at home.",
    "Name two arguments for spending public money on {s}, and two against.": "For: everyone can take part in {s}, and what is learned is of use elsewhere. Against: other needs are more pressing, and those who care for {s} could pay themselves.",
    "Write an e-mail that invites a friend to an evening talk on {s}.": "Hi Sam,\n\non Thursday at seven there is a talk on {s} in the library. Entry is free and there will be soup. Shall I keep you a seat?\n\nBest,\nKim",
    "Suggest a title for a book about {s} and write its first sentence.": 'Title: "A Year with {s}". First sentence: "I had meant to stay for a weekend."',
    "Give three tips to someone who wants to take photographs around the subject of {s}.": "1. Go early, when the light is low.\n2. Show the hands of people who have to do with {s}.\n3. Take one picture from very near and one from far away.",
    "Write a dialogue in which two neighbours disagree about {s}.": '"You spend too much time on {s}." "And you too little." "What has it ever brought you?" "Patience with neighbours."',
    "Draw up a checklist for an exhibition on {s} in a village hall.": "- Book the hall\n- Borrow six objects that show what {s} is about\n- Write short labels in large print\n- Find two people for the door\n- Put up posters a fortnight ahead",
    "Formulate a quiz question about {s} with four possible answers, and mark the right one.": "Where would you ask first if you wanted to know more about {s}?\nA) at a petrol station\nB) in a library (right)\nC) at the dentist's\nD) in a car park",
    "Think of a small survey that would tell us something about {s}.": "Ask twenty people three questions: what comes to mind at the word {s}, when they last met with it, and what they would like to know. Count the answers that come more than twice.",
    "Write a slogan for a club that is devoted to {s}.": "Come for {s}, stay for the company.",
    "Tell a story of exactly three sentences in which {s} saves the day.": "The power failed in the middle of the wedding, and nobody knew what to do. Then the bride's aunt began to talk about {s}, and the guests drew their chairs around her. When the lights came back, they asked for them to be switched off again.",
    'Turn this headline into a polite question: "Town council divided over {s}".': "Could you please tell me why the town council is divided over {s}?",
    "Sort these by how much they help in understanding {s}: numbers, history, practice.": "Practice first, then history, then numbers; for {s} it helps most to have tried something oneself.",
    "Say in one sentence what a museum of {s} could show that no other museum has.": "A museum of {s} could show the things that went wrong, with the notes of those who tried.",
    "Write a thank-you note to a teacher who made you love {s}.": "Dear Ms Lind, ten years ago you brought {s} into our classroom, and I have not been bored since. Thank you.",
    "Write the opening line of a song about {s}.": '"Oh, I never knew what Mondays were for till I heard about {s}."',
    "Suggest a present under ten euros for someone who loves {s}.": "A notebook with a hand-drawn cover that shows {s}.",
}
"""Orders, likewise."""
_TAILS = (
    "Have a night nurse in mind as the reader.",
    "I need it for tomorrow's school newspaper.",
    "My grandfather, who hears badly, will be listening.",
    "Avoid all foreign words, please.",
    "Imagine that we are sitting in a train.",
    "It should fit on a postcard.",
    "Be honest, even if that is less polite.",
    "Use the present tense throughout.",
    "Nobody in the audience has finished school yet.",
    "We only have ten minutes before the doors open.",
    "Sound like an old sea captain.",
    "The last sentence should make people smile.",
    "This is for a radio programme at midnight.",
    "Leave out anything about money.",
    "Think of someone who has just moved here from abroad.",
    "I have to read it aloud at a wedding.",
    "Put the most important word first.",
    "My class is divided and wants a clear position.",
    "Pretend you are writing in the year 1890.",
    "Mention the weather somewhere.",
    "It will be printed beside a photograph of a lake.",
    "Do not repeat any noun.",
    "The editor insists on a hopeful tone.",
    "Let a cat appear in it.",
    "A committee of seven sceptical engineers will judge the result.",
    "Keep every sentence under eight words.",
    "Our village has 300 inhabitants and one shop.",
    "Write as if you were out of breath.",
    "Someone will translate this into Finnish later.",
    "Please leave room for one surprise.",
    "The museum guard asked me this yesterday.",
    "Start from what can be seen through a window.",
)
"""What may stand behind a request, to make it another one."""
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
        if pick.below(5):
            text = f"{text} {pick.one(_TAILS)}"
        if text not in made:
            made.append(text)
    return made


def invented(prompt: Prompt, pick: Pick) -> Solution | None:
    """An answer to an instruction that this model invented itself: it knows its own templates."""
    asked = " ".join(prompt.text.split())
    for pattern, answer in _ANSWERS:
        if match := pattern.fullmatch(asked):
            text = answer.format(s=match[1])
            return Solution(
                f"The request is about {match[1]}.",
                (
                    f"Nothing has to be known about {match[1]} to answer it: the form that is asked for says what to do.",
                ),
                "",
                product=text[0].upper() + text[1:],
            )
    return None


def _pattern(template: str) -> re.Pattern[str]:
    before, _, after = template.partition("{s}")
    return re.compile(f"{re.escape(before)}(.{{2,60}}?){re.escape(after)}(?: ({'|'.join(map(re.escape, _TAILS))}))?")


_ANSWERS = tuple((_pattern(q), a) for q, a in (*_QUESTIONS.items(), *_ORDERS.items()))
