"""What an annotator sees: fields, questions and guidelines, as Argilla takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bezoar_data.config.errors import InputError
from bezoar_data.review.task import Plan, as_text
from bezoar_data.runs.row import digest

Shown = Mapping[str, Any]

_MOST = 10_000
"""Argilla's limit on guidelines, in characters."""
FIRST, SECOND = "first", "second"


def fields(plan: Plan) -> list[dict[str, Any]]:
    """The fields, in the order they stand."""
    answers = {FIRST: "First answer", SECOND: "Second answer"} if plan.compares else {"response": "Response"}
    optional = {"system": "System message", "context": "Context", "reference": "Reference answer"}
    titles = {
        **{k: v for k, v in optional.items() if k != "reference" and getattr(plan, k)},
        "instruction": "Instruction",
        **answers,
        **({"reference": optional["reference"]} if plan.reference else {}),
        **({"judge_reason": "The judge's reason"} if plan.judge and not plan.blind else {}),
    }
    return [
        {
            "name": name,
            "title": title,
            "required": name == "instruction" or name in answers,
            "settings": {"type": "text", "use_markdown": False},
        }
        for name, title in titles.items()
    ]


def questions(plan: Plan) -> list[dict[str, Any]]:
    """The questions, in the order they stand. The verdict alone is required."""
    made = [_choice(plan)]
    if not plan.compares:
        made += [_rating(name) for name in plan.attributes]
        made.append(_text("corrected_response", "A corrected response", "Only if the response can be put right."))
    return [*made, _text("comment", "Comment", "")]


def values(plan: Plan, row: Shown) -> dict[str, str | None]:
    """A row's fields. Of two answers, which stands first is drawn for each row, so that no place is favoured."""
    first, second = (plan.other, plan.response) if plan.compares and swapped(row) else (plan.response, plan.other)
    answers = {FIRST: first, SECOND: second} if plan.compares else {"response": plan.response}
    columns = {"system": plan.system, "context": plan.context, "instruction": plan.instruction, **answers}
    columns["reference"] = plan.reference
    if plan.judge and not plan.blind:
        columns["judge_reason"] = f"{plan.judge}_{'preference_' if plan.compares else ''}reason"
    # NUL, which PostgreSQL does not take, says nothing to people.
    return {name: as_text(row.get(column)).replace("\x00", "") for name, column in columns.items() if column}


def swapped(row: Shown) -> bool:
    return int(digest("review-order", row["id"], length=2), 16) % 2 == 1


def suggestion(plan: Plan, row: Shown) -> str | None:
    """The judge's verdict as an option of the question; None where there is none, or it is hidden."""
    said = row.get(plan.verdict) if plan.verdict and not plan.blind else None
    if not plan.compares:
        return said.casefold() if isinstance(said, str) and said in ("Accept", "Reject") else None
    places = {"a": SECOND, "b": FIRST, "tie": "tie"} if swapped(row) else {"a": FIRST, "b": SECOND, "tie": "tie"}
    return places.get(str(said))


def guidelines(plan: Plan) -> str:
    """What to go by: the judge's rubric, so that people and judge answer the same question."""
    opening = (
        "Read the instruction and both answers, then choose the better one. Which answer stands first was drawn by lot."
        if plan.compares
        else "Read the instruction and the response, then accept or reject the response."
    )
    how = (
        "Submit what you are sure of. Save as a draft what you want to come back to. Discard what cannot be judged. "
        "Your answers can be changed until they are pulled, and after that they can be pulled again."
    )
    return "\n\n".join([opening, *_rubric(plan), how])[:_MOST]


def _rubric(plan: Plan) -> list[str]:
    from bezoar_data.steps.judges.rubric import ComparisonRubric, Rubric, load_rubric

    if not plan.rubric:
        return []
    try:
        if plan.compares:
            criteria, more = load_rubric(plan.rubric, ComparisonRubric).criteria, ""
        else:
            rubric = load_rubric(plan.rubric, Rubric)
            scale = "\n".join(f"- {r.rating}: {r.meaning}" for r in rubric.scale)
            criteria, more = rubric.criteria, f"{rubric.verdict}\n\n**The judge's scale**\n\n{scale}"
    except InputError:  # a rubric file that lies elsewhere now
        return [f"The judge went by the rubric `{plan.rubric}`, which is not at hand here."]
    points = "\n".join(f"- **{c.name}**: {c.question}" for c in criteria)
    return [part for part in (f"**What counts**\n\n{points}", more) if part]


def _choice(plan: Plan) -> dict[str, Any]:
    options = (
        {FIRST: "First", SECOND: "Second", "tie": "Equally good"}
        if plan.compares
        else {"accept": "Accept", "reject": "Reject"}
    )
    name, title = ("preference", "Which answer is better?") if plan.compares else ("verdict", "Is the response good?")
    listed = [{"value": value, "text": text} for value, text in options.items()]
    return {
        "name": name,
        "title": title,
        "required": True,
        "settings": {"type": "label_selection", "options": listed, "visible_options": None},
    }


def _rating(name: str) -> dict[str, Any]:
    options = [{"value": value} for value in range(5)]
    return {
        "name": name,
        "title": f"{name.capitalize()} (0 lowest, 4 highest)",
        "required": False,
        "settings": {"type": "rating", "options": options},
    }


def _text(name: str, title: str, description: str) -> dict[str, Any]:
    told = {"description": description} if description else {}
    return {
        "name": name,
        "title": title,
        "required": False,
        **told,
        "settings": {"type": "text", "use_markdown": False},
    }
