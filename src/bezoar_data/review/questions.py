"""What an annotator sees: fields and questions, as Argilla's SDK describes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bezoar_data.measures.agreement import as_label
from bezoar_data.review import protocol
from bezoar_data.review.client import argilla_sdk
from bezoar_data.review.guidelines import guidelines
from bezoar_data.review.records import DIVIDED, OUTDATED
from bezoar_data.review.task import FIRST, SECOND, ReviewTask, as_text, source_of
from bezoar_data.runs.row import digest

Shown = Mapping[str, Any]

REQUIRED = ("instruction", "response", FIRST, SECOND)


def settings(task: ReviewTask, *, deciding: bool = False) -> Any:
    """Fields, questions and guidelines in the order people see them, as `argilla.Settings`; `deciding` is for whoever
    is given what others are divided on."""
    rg = argilla_sdk()
    return rg.Settings(
        fields=[rg.TextField(name, title, required=name in REQUIRED) for name, title in _fields(task).items()],
        questions=_questions(task, rg),
        metadata=_filters(task, rg),
        guidelines=guidelines(task, deciding=deciding),
        allow_extra_metadata=True,
        distribution=rg.TaskDistribution(min_submitted=1 if deciding else task.overlap),
    )


def _fields(task: ReviewTask) -> dict[str, str]:
    """Titles by name."""
    answers = {FIRST: "First answer", SECOND: "Second answer"} if task.compares else {"response": "Response"}
    optional = {
        "system": task.system and "System message",
        "context": task.context and "Context",
        "instruction": "Instruction",
        **answers,
        "reference": task.reference and "Reference answer",
        "judge_reason": task.judge and not task.blind and "The judge's reason",
    }
    return {name: title for name, title in optional.items() if isinstance(title, str) and title}


def _filters(task: ReviewTask, rg: Any) -> list[Any]:
    """What the judge said is not a filter for annotators who are not to see it, nor what others are divided on."""
    judged = {"judge_verdict": "Judge's verdict", "judge_rating": "Judge's rating"} if task.judge else {}
    titles = {"source": "Source", **judged, OUTDATED: "Row has changed since", DIVIDED: "People are divided"}
    hidden = {DIVIDED, *(judged if task.blind else ())}
    return [
        rg.TermsMetadataProperty(name, title=title, visible_for_annotators=name not in hidden)
        for name, title in titles.items()
    ]


def _questions(task: ReviewTask, rg: Any) -> list[Any]:
    """The choice alone is required, unless a protocol asks."""
    if task.protocol:
        return protocol.questions(task, rg)
    comment = rg.TextQuestion("comment", "Comment", required=False)
    if task.compares:
        labels = {FIRST: "First", SECOND: "Second", "tie": "Equally good"}
        return [rg.LabelQuestion("preference", labels, "Which answer is better?"), comment]
    return [
        rg.LabelQuestion("verdict", {"accept": "Accept", "reject": "Reject"}, "Is the response good?"),
        *(
            rg.RatingQuestion(name, [*range(5)], f"{name.capitalize()} (0 lowest, 4 highest)", required=False)
            for name in task.attributes
        ),
        rg.TextQuestion(
            "corrected_response",
            "A corrected response",
            "Only if the response can be put right.",
            required=False,
        ),
        comment,
    ]


def values(task: ReviewTask, row: Shown) -> dict[str, str | None]:
    """A row's fields. Of two answers, which stands first is drawn for each row, so that no place is favoured."""
    first, second = (task.other, task.response) if task.compares and swapped(row) else (task.response, task.other)
    answers = {FIRST: first, SECOND: second} if task.compares else {"response": task.response}
    columns = {"system": task.system, "context": task.context, "instruction": task.instruction, **answers}
    columns["reference"] = task.reference
    if task.judge and not task.blind:
        columns["judge_reason"] = f"{task.judge}_{'preference_' if task.compares else ''}reason"
    return {name: shown(as_text(row.get(column))) for name, column in columns.items() if column}


def shown(text: str) -> str:
    """A text as a field holds it. Argilla's pages take a plain text field for HTML: without this `<iostream>` is not
    seen, and a script in a row runs with the rights of the person who reads it."""
    # NUL, which PostgreSQL does not take, says nothing to people.
    return text.replace("\x00", "").replace("&", "&amp;").replace("<", "&lt;")


def typed(text: str | None, field: str | None) -> str | None:
    """A text that a person typed, perhaps from what the button "copy" gave them of the field: this is what is held, not
    what is shown."""
    if text is None or field is None or "&lt;" in (shown_text := _unshown(field)) or "&amp;" in shown_text:
        return text
    return _unshown(text)


def _unshown(text: str) -> str:
    return text.replace("&lt;", "<").replace("&amp;", "&")


def filters(task: ReviewTask, row: Shown) -> dict[str, str]:
    """What records can be filtered by: source, and the judge's verdict and rating."""
    found: dict[str, Any] = {"source": source_of(row)}
    if task.judge:
        found |= {"judge_verdict": row.get(task.verdict), "judge_rating": row.get(f"{task.judge}_rating")}
    return {name: as_label(value) for name, value in found.items() if value not in (None, "")}


def swapped(row: Shown) -> bool:
    return int(digest("review-order", row["id"], length=2), 16) % 2 == 1


def prompt_of(task: ReviewTask, row: Shown) -> str:
    """What responses to the same prompt have in common."""
    columns = (task.system, task.context, task.instruction)
    return digest("prompt", *(as_text(row.get(column)) if column else "" for column in columns))


def suggestion(task: ReviewTask, row: Shown) -> str | None:
    """The judge's verdict as an option of the question; None where there is none, or it is hidden."""
    verdict = row.get(task.verdict) if task.verdict and not task.blind else None
    if not task.compares:
        return verdict.casefold() if isinstance(verdict, str) and verdict in ("Accept", "Reject") else None
    places = {"a": SECOND, "b": FIRST, "tie": "tie"} if swapped(row) else {"a": FIRST, "b": SECOND, "tie": "tie"}
    return places.get(str(verdict))
