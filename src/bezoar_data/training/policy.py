"""What a recipe's policy forbids: its cards and its base are checked before anything is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from bezoar_data.config.errors import PolicyRefused
from bezoar_data.config.files.recipe import LoadedRecipe
from bezoar_data.config.paths import relative_to_cwd
from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.training.data.datasets import StageCard


class Commercial(Protocol):
    """Whether a licence allows commercial use: `yes`, `no` or `unknown`. `model` is whose it is said to be."""

    def __call__(self, licence: str, model: str | None = None, /) -> str: ...


def enforce_policy(recipe: LoadedRecipe, cards: Iterable[StageCard], commercial: Commercial) -> None:
    """Raise `PolicyRefused` with every reason at once why the recipe's policy forbids its cards or its base. No policy
    allows a card that says otherwise than its lock."""
    problems = [*_base(recipe, commercial)]
    for card in cards:
        problems += _card(recipe, card, commercial)
    if problems:
        raise PolicyRefused(problems)


def _base(recipe: LoadedRecipe, commercial: Commercial) -> Iterator[Problem]:
    base = recipe.file.base
    if recipe.file.policy.commercial and base.make is None:
        verdict = commercial(base.licence, base.name) if base.licence is not None else "unknown"
        if verdict != "yes":
            name = base.licence or "not stated"
            message = f"commercial use of the base is not known to be allowed: its licence is {printable(name, 80)}"
            if base.licence is not None and commercial(base.licence) != verdict:
                message += f", and by its name, {printable(str(base.name), 80)}, it is another"
            if verdict == "no":
                message = f"commercial use of the base is forbidden by its licence, {printable(name, 80)}"
            place = recipe.document.place(("base",), key=True)
            yield Problem("refused-commercial", message, place, "state 'licence' under 'base', or take another base")


def _card(recipe: LoadedRecipe, card: StageCard, commercial: Commercial) -> Iterator[Problem]:
    policy, own = recipe.file.policy, card.own
    data = f"the data of {relative_to_cwd(card.folder)}"
    yield from card.lies
    if own.get("demo", True) and not policy.demo:
        hint = "make it with real models of real rows; 'demo: true' in the policy allows it, for trying a recipe out"
        yield Problem("refused-demo", f"{data} is demo data, of demo seeds or demo models", card.place, hint)
    licence = own.get("licence") or {}
    if policy.commercial and licence.get("commercial") != "yes":
        why = _first_reason(licence) + _forbidding(own, commercial)
        verdict = "forbidden" if licence.get("commercial") == "no" else "not known to be allowed"
        yield Problem("refused-commercial", f"commercial use of {data} is {verdict}{why}", card.place)
    if policy.commercial and licence.get("result") in (None, "unknown"):
        yield Problem("refused-licence", f"the licence of {data} is unknown", card.place, "its card's section says why")
    if policy.judge_agreement is not None:
        yield from _agreement(card, data, policy.judge_agreement)
    yield from _review(card, data, policy.review)
    yield from _contamination(card, data, policy.contamination)


def _first_reason(licence: Mapping[str, Any]) -> str:
    result = licence.get("result")
    return f" (its licence: {printable(str(result), 80)})" if result else ""


def _forbidding(own: Mapping[str, Any], commercial: Commercial) -> str:
    """Which of the data's sources forbid it."""
    sources = [(str(s.get("name")), str(s.get("licence"))) for s in own.get("sources") or () if s.get("kept") != 0]
    told = [
        f"{printable(name, 60)} is {printable(licence, 80)}" for name, licence in sources if commercial(licence) == "no"
    ]
    return f": {', '.join(told)}" if told else ""


def _agreement(card: StageCard, data: str, least: float) -> Iterator[Problem]:
    """Every judge of the card against people, as Cohen's kappa; a judge that was not measured does not agree."""
    judges = card.own.get("judge") or []
    if not judges:
        yield Problem("refused-agreement", f"{data} was not judged", card.place)
    for judge in judges:
        measured = judge.get("reliability")
        kappas = [m["kappa"]["value"] for m in measured] if isinstance(measured, list) else []
        found = [kappa for kappa in kappas if kappa is not None]
        who = f"the judge '{printable(str(judge.get('name')), 60)}' of {data}"
        if not found:
            hint = "measure it: bezoar-data judge reliability"
            yield Problem("refused-agreement", f"how far {who} agrees with people was not measured", card.place, hint)
        elif min(found) < least:
            message = f"{who} agrees with people too little: kappa {min(found):.2f}, less than {least:g}"
            yield Problem("refused-agreement", message, card.place)


def _review(card: StageCard, data: str, wanted: bool | int | None) -> Iterator[Problem]:
    """So many rows as the recipe wants, and all that the data's own pipeline asks for."""
    if wanted is False:
        return
    found = card.own.get("review")
    rows = int(found.get("rows") or 0) if isinstance(found, Mapping) else 0
    hint = "let people check a sample: bezoar-data review push, then pull"
    if wanted and not rows:
        yield Problem("refused-review", f"nobody has reviewed {data}", card.place, hint)
    elif wanted and rows < wanted:
        message = f"the recipe asks for {wanted:,} reviewed rows of {data}; there are {rows:,}"
        yield Problem("refused-review", message, card.place, hint)
    for message in card.unreviewed:
        yield Problem("refused-review", f"{data}: {message}", card.place, hint)


def _contamination(card: StageCard, data: str, wanted: str) -> Iterator[Problem]:
    """The card says what each search found, or that there was none."""
    found = card.own.get("contamination")
    if wanted == "any":
        return
    steps = found.get("steps") or [] if isinstance(found, Mapping) else []
    if not any(step.get("every_row") and not step.get("changed_after") for step in steps):
        hint = "run the step 'decontaminate' over all its rows, after every step that changes them"
        yield Problem("refused-contamination", f"{data} was not searched for benchmarks", card.place, hint)
    left = sum(int(step.get(key) or 0) for step in steps for key in ("marked", "kept_on_appeal"))
    if wanted == "clean" and left:
        message = f"{data} holds {left:,} rows that share words with an evaluation set"
        yield Problem("refused-contamination", message, card.place)
