"""The sections of a card that a run writes, in their usual order: what was made, from what, by whom, and what is not
known. Each is a function from the run's facts to Markdown; a fact that nobody measured is said to be unknown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bezoar_data.cards.licences.lineage import UNKNOWN
from bezoar_data.cards.sections import about, carbon, checks, data
from bezoar_data.cards.sections import markdown as md
from bezoar_data.cards.sections.context import CardContext
from bezoar_data.cards.sections.judge import judge as judged_by
from bezoar_data.cards.sections.review import reviewed
from bezoar_data.cards.sections.statistics import statistics
from bezoar_data.cards.sections.summary import summary
from bezoar_data.config.files.models import OutputLicence
from bezoar_data.runs.lock import Lock, LockedModel, LockedStep


@dataclass(frozen=True, slots=True)
class Section:
    """A section: the heading it gets where a template does not place it, and what makes it."""

    title: str
    make: Callable[[CardContext], str]


def demo(context: CardContext) -> str:
    if not context.lock.demo:
        return ""
    roles = list(dict.fromkeys(md.code(model.role) for model in context.lock.models if model.demo))
    rows = list(dict.fromkeys(md.code(source.name) for source in context.lock.sources if source.demo))
    why = []
    if rows:
        why.append(
            f"Its source rows ({', '.join(rows)}) were written to show the flow: whatever this card says of other data "
            "sets, and of people who wrote or judged rows, is not so of these."
        )
    if roles:
        why.append(f"Its answers ({', '.join(roles)}) are of no language model: they come with bezoar-data.")
    return (
        f"> **This is demonstration data.** {' '.join(why)} It shows how the pipeline works. Do not train on it, and "
        "do not publish it as anything else."
    )


def making(context: CardContext) -> str:
    lock = context.lock
    table = md.table(
        ("Step", "Rows in", "Rows out", "Dropped, or noted and kept"),
        (
            (_ran(step), md.number(step.rows_in), md.number(step.rows_out), "<br>".join(_found(step)) or "–")
            for step in lock.steps
        ),
        "lrrl",
    )
    pipeline = lock.pipeline
    notes = [f"Random choices come from the seed {pipeline.seed}."]
    if pipeline.limit is not None:
        notes.append(f"This build was limited to the first {md.rows(pipeline.limit)} of its sources.")
    made_with = ", ".join(f"{md.text(k)} {md.text(v)}" for k, v in lock.software.items() if v)
    notes.append(f"Made with {made_with}.")
    if context.answers:
        count = md.number(context.answers["entries"])
        notes.append(
            f"The {count} recorded answers behind these rows are beside them, in `answers/`: `bezoar-data card check "
            "--rebuild` makes the same files from them, and asks no model."
        )
    return f"{_picture(lock)}\n\n{table}\n\n{' '.join(notes)}"


def _ran(step: LockedStep) -> str:
    what = "" if step.id.replace("-", ".") == step.use else f" ({md.code(step.use)})"
    asks = f", asks {md.code(step.role)}" if step.role else ""
    return f"{md.code(step.id)}{what}, version {step.version}{asks}"


def prompts(context: CardContext) -> str:
    """Rubrics and prompts, folded: they are long, and a reader who wants one wants its words."""
    folds = []
    for step in context.lock.steps:
        # Indented, as rows are, so that no line of theirs can be taken for a line of the card itself.
        texts = [f"- {md.code(what)}\n\n{md.block(words, indent='  ')}" for what, words in step.texts.items()]
        if texts:
            of = next(iter(step.texts)) if len(texts) == 1 else f"{len(texts)} texts"
            folds.append(md.folded(f"{step.id}: {of}", "\n\n".join(texts)))
    return "\n\n".join(folds) or "No step gives a model words of its own: it is asked what is in the rows."


def sources(context: CardContext) -> str:
    table = md.table(
        ("Source", "Rows kept", "Rows dropped", "Licence", "Revision or SHA-256", "Address"),
        (
            (
                md.code(source.name),
                md.number(source.kept),
                md.number(source.rows - source.kept),
                md.text(source.licence) if source.licence else "not stated",
                md.code(_short(source.revision or source.sha256)),
                md.link(source.url),
            )
            for source in context.lock.sources
        ),
        "lrr",
    )
    if not context.lock.sources:
        return "No source is recorded."
    notes = ["These are the rows that come of each source, those that steps made among them."]
    if ours := [md.code(source.name) for source in context.lock.sources if source.demo]:
        notes.append(
            f"The rows of {', '.join(ours)} were written to show the flow: they are of no other data set, whatever "
            "set they have the shape of, and nobody else wrote or judged them."
        )
    return f"{table}\n\n{' '.join(notes)}"


def models(context: CardContext) -> str:
    if not context.lock.models:
        return "No model took part."
    return md.table(
        ("Role", "Model", "Provider", "Revision", "Sampling", "Terms of its outputs", "Commercial use of outputs"),
        (
            (
                md.code(model.role) + (", fallback" if model.fallback else ""),
                md.code(model.model) + _what(model),
                md.text(model.provider),
                _revision(model),
                "–" if model.rules else _sampling(model.sampling) + _not_sent(context.lock, model),
                "none" if model.rules else _terms(model.output_licence),
                "free" if model.rules else md.text(model.output_licence.commercial),
            )
            for model in context.lock.models
        ),
    )


def review(context: CardContext) -> str:
    found = context.lock.review
    if not found:
        return "None yet: no person has checked these rows."
    return "\n\n".join(reviewed(found, context.lock.counts.kept, context.about.annotators))


def licence(context: CardContext) -> str:
    found = context.licence
    lines = [
        f"**Licence: {md.text(found.result)}.** **Commercial use: {found.commercial}.**",
        "\n".join(f"- {md.text(reason)}" for reason in found.reasons),
    ]
    if found.attribution:
        lines += ["Anyone who passes the data on must name:", "\n".join(f"- {md.text(a)}" for a in found.attribution)]
    lines.append("This is information gathered by software, not legal advice.")
    return "\n\n".join(lines)


def cost(context: CardContext) -> str:
    lock = context.lock
    if not lock.usage:
        return "No model was asked."
    table = md.table(
        ("Step", "Model", "Answers", "Prompt tokens", "Completion tokens", "Cost"),
        (
            (
                md.code(use.step),
                md.code(use.model),
                md.number(use.answers),
                md.number(use.prompt_tokens),
                md.number(use.completion_tokens),
                _money(use.cost),
            )
            for use in lock.usage
        ),
        "llrrrr",
    )
    total = _money(lock.cost)
    why = ": the price of at least one model is not known" if lock.cost is None else ""
    return (
        f"{table}\n\nTotal: {total}{why}. These are the answers behind these rows and behind the dropped ones, each "
        f"once, however often the pipeline was run.\n\n{carbon.describe(lock)}"
    )


def limitations(context: CardContext) -> str:
    lock = context.lock
    points = []
    if any(model.demo for model in lock.models):
        points.append("Answers or verdicts were made by rules, not by a language model.")
    if any(source.demo for source in lock.sources):
        points.append("Its source rows are few, and were written to show the flow.")
    if lock.models:
        points.append("Model answers can be wrong, biased or made up, and still read well.")
    if lock.judges:
        known = all(lock.judging.people.of_judge(one.name) for one in lock.judges)
        where = "is in the section on the judge" if known else "is not known"
        judging = {one.step for one in lock.judges}
        rules = all(m.rules for m in lock.models if judging.intersection(m.steps))
        whose = "made by rules, which see form and reference, not truth" if rules else "a model's"
        points.append(f"Verdicts are {whose}; how often they agree with a person's {where}.")
    if lock.review:
        seen = md.number(lock.review.rows)
        points.append(f"People reviewed {seen} of {md.rows(lock.counts.kept)}; nobody saw the others.")
    else:
        points.append("No person has reviewed the rows.")
    points += checks.limits(lock)
    if context.licence.result == UNKNOWN:
        points.append("The licence is unknown: settle it before you use the data for more than looking at it.")
    if lock.pipeline.limit is not None:
        points.append("Only a part of the sources was used.")
    points += data.as_text(lock)
    return "\n".join(f"- {point}" for point in points)


SECTIONS: Mapping[str, Section] = {
    "demo": Section("", demo),
    "summary": Section("Summary", summary),
    "use": Section("How to load it", data.use),
    "about": Section("Who made it, when and for what", about.about),
    "fields": Section("Fields", data.fields),
    "example": Section("An example row", data.example),
    "statistics": Section("Statistics", statistics),
    "splits": Section("Splits", data.splits),
    "making": Section("How it was made", making),
    "sources": Section("Sources", sources),
    "models": Section("Models", models),
    "prompts": Section("Prompts and rubrics", prompts),
    "judge": Section("Judge", judged_by),
    "review": Section("Human review", review),
    "licence": Section("Licence", licence),
    "contamination": Section("Contamination", checks.contamination),
    "personal_data": Section("Personal data", checks.personal_data),
    "cost": Section("Cost", cost),
    "limitations": Section("Limitations", limitations),
    "changes": Section("Changes", about.changes),
    "citation": Section("Citation", about.citation),
}


def _picture(lock: Lock) -> str:
    """The steps as a Mermaid flow chart. Names stand in quoted labels only, never where Mermaid would read them."""
    numbers = {step.id: f"s{i}" for i, step in enumerate(lock.steps)}
    boxes = [f'  {numbers[step.id]}["{_label(step.id)}<br/>{md.rows(step.rows_out)}"]' for step in lock.steps]
    arrows = [
        f"  {numbers[before]} --> {numbers[step.id]}"
        for step in lock.steps
        for before in step.after
        if before in numbers
    ]
    return md.block("\n".join(["flowchart LR", *boxes, *arrows]), "mermaid")


def _found(step: LockedStep) -> Iterator[str]:
    for reason, n in step.dropped.items():
        yield f"{md.number(n)} × {md.code(reason)}"
    for reason, n in step.noted.items():
        yield f"kept: {md.number(n)} × {md.code(reason)}"


def _label(name: str) -> str:
    return "".join(c if c.isalnum() or c in " _-." else f"#{ord(c)};" for c in name)


def _short(value: str | None) -> str:
    return value[:16] if value else ""


def _sampling(values: Mapping[str, Any]) -> str:
    # A tuple that became a list in JSON reads the same; an empty one says nothing.
    shown = {k: list(v) if isinstance(v, list | tuple) else v for k, v in values.items() if v not in (None, (), [])}
    words = (f"{md.text(k)} {md.code(json.dumps(v, ensure_ascii=False, default=str))}" for k, v in shown.items())
    return ", ".join(words) or "the provider's defaults"


def _what(model: LockedModel) -> str:
    if model.rules:
        return " (rules, no model)"
    if model.thinking == "keep":
        return " (its thinking comes before its answers)"
    return " (demonstration)" if model.demo else ""


def _not_sent(lock: Lock, model: LockedModel) -> str:
    """What the endpoint did not take of it, as the journal noted with its answers."""
    uses = [use for use in lock.usage if use.model == model.model and use.step.partition(".")[0] in model.steps]
    names = sorted({name for use in uses for name in use.sent_without})
    return f"; not sent, as its endpoint does not take it: {', '.join(map(md.code, names))}" if names else ""


def _revision(model: LockedModel) -> str:
    if model.revision:
        return md.code(model.revision)
    return "part of bezoar-data" if model.demo or model.rules else "not pinned"


def _terms(terms: OutputLicence) -> str:
    parts = [md.text(terms.id or "unknown")]
    if terms.url:
        parts.append(md.link(terms.url))
    if terms.note:
        parts.append(md.text(terms.note))
    return " – ".join(parts)


def _money(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"${value:,.2f}" if value == 0 or value >= 1 else f"${value:.6f}".rstrip("0")
