"""The embedded teacher: fluent, on-topic answers without a model, so that the whole flow can be tried in seconds.

It is a set of rules and knows nothing about the world. Each skill recognises one form of prompt and works from the
prompt's own words; the general skill takes what is left. Answers depend on the request alone (messages, seed, sample
and attempt), so a run repeats byte for byte. Rows it touches are marked `demo` and are not meant for training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from bezoar_data._version import __version__
from bezoar_data.llms.providers.base import Completion, Provider, Request

from .arithmetic import arithmetic
from .choosing import choice
from .comparing import entailment, same_meaning, sentiment
from .compose import Solution, compose
from .drafts import create
from .evolve import compare_prompts, evolve
from .instructions import instructions, invented
from .knowledge import open_question, yes_no
from .lists import textwork
from .prompt import Prompt, read_prompt
from .reading import ask_back, extract, summary
from .text import Pick, conversation, count_tokens, cut_tokens
from .writing import from_data, rewrite, translate

Skill = Callable[[Prompt, Pick], Solution | None]

SKILLS: tuple[Skill, ...] = (
    evolve,
    compare_prompts,
    instructions,
    invented,
    arithmetic,
    textwork,
    entailment,
    same_meaning,
    sentiment,
    translate,
    summary,
    choice,
    ask_back,
    from_data,
    rewrite,
    create,
    extract,
    yes_no,
    open_question,
)
"""In order: the first that recognises the prompt answers. `open_question` takes everything."""

LONGEST_PROMPT = 40_000
"""Characters of a prompt that are read. Longer ones are read up to here, which bounds the time of one answer."""


def solve(prompt: Prompt, pick: Pick) -> tuple[str, Solution]:
    """The name of the skill that took the prompt, and its solution."""
    for skill in SKILLS:
        solution = skill(prompt, pick)
        if solution is not None:
            return skill.__name__, solution
    raise AssertionError("the general skill takes every prompt")


def write_answer(
    messages: Sequence[Mapping[str, str]], *, seed: int | None = None, sample: int = 0, attempt: int = 0
) -> str:
    """One answer in full. The same arguments always give the same text; another sample or attempt gives another."""
    system, user = conversation(messages)
    prompt = read_prompt(system, user[:LONGEST_PROMPT])
    return _nth_distinct(prompt, (system, user, seed, attempt), sample)


def _nth_distinct(prompt: Prompt, asked: tuple[object, ...], sample: int) -> str:
    if sample == 0:
        pick = Pick(*asked, 0)
        return compose(prompt, solve(prompt, pick)[1], pick)
    seen: list[str] = []
    salt = 0
    while len(seen) <= sample:
        pick = Pick(*asked, salt)
        text = compose(prompt, solve(prompt, pick)[1], pick)
        salt += 1
        if text not in seen:
            seen.append(text)
        elif salt > 8 * (sample + 1):
            seen.append(f"{text}\n\nThis is wording number {len(seen) + 1} of the same answer.")
    return seen[sample]


class OfflineTeacher(Provider):
    """Answers in process; `model` in the models file is only a name. Honours `max_tokens`, `seed` and `stop`."""

    kind: ClassVar[str] = "offline-teacher"
    demo: ClassVar[bool] = True
    revision: ClassVar[str | None] = __version__
    needs_network: ClassVar[bool] = False

    async def complete(self, request: Request) -> Sequence[Completion]:
        asked = sum(count_tokens(m.get("content", "")) for m in request.messages)
        sampling = request.model.sampling
        done = []
        for position, sample in enumerate(request.samples):
            text = write_answer(request.messages, seed=sampling.seed, sample=sample, attempt=request.attempt)
            for stop in sampling.stop:
                text = text.partition(stop)[0] if stop else text
            text, cut = cut_tokens(text, request.max_tokens) if request.max_tokens else (text, False)
            done.append(
                Completion(text, "length" if cut else "stop", asked if position == 0 else 0, count_tokens(text))
            )
        return done
