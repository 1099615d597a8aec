"""The sections of a card that say what the rows were searched for, and what became of those that held it."""

from __future__ import annotations

from bezoar_data.cards.sections import markdown as md
from bezoar_data.cards.sections.context import CardContext
from bezoar_data.runs.lock import ContaminationSearch, Lock

_PERSONAL = "personal_data"


def contamination(context: CardContext) -> str:
    found = context.lock.contamination
    if not found:
        return "Not checked: rows may overlap with the questions of public benchmarks."
    parts = [part for search in found.steps for part in _search(search)]
    if report := found.report:
        parts.append(
            f"Each row found is in {md.code(report.path)} beside this card, with the test items and the words "
            "both have."
        )
    return "\n\n".join(parts)


def _search(search: ContaminationSearch) -> list[str]:
    columns = ", ".join(md.code(column) for column in search.columns)
    outcomes = {"dropped": "dropped", "marked": "kept and marked", "kept_on_appeal": "kept on appeal"}
    became = [f"{md.number(n)} {words}" for key, words in outcomes.items() if (n := getattr(search, key))]
    said = f"{md.number(search.flagged)} held test items" + (f" ({', '.join(became)})" if became else "")
    sentences = [
        f"The step {md.code(search.step)} compared {columns} of {md.rows(search.rows)} with the evaluation sets "
        f"below: {said}.",
        f"An item counts as held if more than {search.coverage:.0%} of its words are in runs of {search.ngram} "
        "words that the row has too, whatever their case and punctuation; a shorter one if the row holds it whole.",
    ]
    if not search.every_row:
        sentences.append("Rows that came by another branch were not compared.")
    if search.changed_after:
        names = ", ".join(md.code(name) for name in search.changed_after)
        sentences.append(f"What was written later ({names}) was not compared.")
    table = md.table(
        ("Evaluation set", "Items", "Texts", "Rows found", "Revision or SHA-256", "Address"),
        (
            (
                md.code(one.name),
                md.number(one.items),
                md.number(one.texts),
                md.number(one.rows_found),
                md.code((one.revision or one.sha256 or "")[:16]),
                md.link(one.url),
            )
            for one in search.sets
        ),
        "lrrrl",
    )
    return [" ".join(sentences), table]


def personal_data(context: CardContext) -> str:
    steps = [step for step in context.lock.steps if step.use == _PERSONAL]
    if not steps:
        return "Not checked: rows may hold personal data that stood in a source or that a model made up."
    parts = []
    for step in steps:
        counts = {
            "dropped": step.dropped.get(_PERSONAL, 0),
            "masked": step.noted.get("masked", 0),
            "marked": step.noted.get(_PERSONAL, 0),
        }
        became = ", ".join(f"{md.number(n)} {what}" for what, n in counts.items() if n) or "none held any"
        parts.append(f"The step {md.code(step.id)} searched {md.rows(step.rows_in)}: {became}.")
    parts.append("It finds what has a shape (e-mail, phone, card and account numbers, keys), not names or addresses.")
    return " ".join(parts)


def limits(lock: Lock) -> list[str]:
    """What the rows were not searched for, as points of a list."""
    points = []
    found = lock.contamination
    if not found:
        points.append("Overlap with benchmarks was not checked.")
    elif not all(search.every_row and not search.changed_after for search in found.steps):
        points.append("Overlap with benchmarks was checked in a part of the data only.")
    if not any(step.use == _PERSONAL for step in lock.steps):
        points.append("Personal data was not searched for.")
    return points
