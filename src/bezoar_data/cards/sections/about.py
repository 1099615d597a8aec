"""The sections that only people can fill: who made a dataset, when and for what, what changed, how to cite it.

What nobody said is asked for, and never made up: no run knows who its author is, or the day of publication.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bezoar_data.cards.sections import markdown as md
from bezoar_data.cards.sections.context import AboutDataset, CardContext, Creator

_ASKED = {
    "creators": "who made it",
    "contact": "whom to ask",
    "date": "when it was published",
    "intended_use": "what it is for",
    "unintended_use": "what it is not for",
}


def about(context: CardContext) -> str:
    said = context.about
    points = [f"- **{name}:** {what}" for name, what in _said(said)]
    missing = [key for key in _ASKED if not getattr(said, key)]
    parts = ["\n".join(points)] if points else []
    if missing:
        words = ", ".join(_ASKED[key] for key in missing)
        keys = ", ".join(md.code(key) for key in missing)
        parts.append(f"Not stated: {words}. Its author writes {keys} under `bezoar: about:` in the card's template.")
    return "\n\n".join(parts)


def _said(said: AboutDataset) -> Iterator[tuple[str, str]]:
    if said.creators:
        yield "Creators", ", ".join(map(md.text, said.names))
    if said.contact:
        yield "Contact", md.text(said.contact)
    if said.date:
        yield "Date", md.text(said.date)
    if said.url:
        yield "Published at", md.link(said.url)
    if said.intended_use:
        yield "For", md.text(said.intended_use)
    if said.unintended_use:
        yield "Not for", md.text(said.unintended_use)


def changes(context: CardContext) -> str:
    version, noted = context.lock.pipeline.version, context.about.changes
    points = [f"- Version {md.text(key)}: {md.text(what)}" for key, what in sorted(noted.items(), key=_newest_first)]
    if str(version) not in noted and version > 1:
        points.append(
            f"- Version {version}: what it changed is not stated. Its author writes it under "
            f"`bezoar: about: changes:` in the card's template."
        )
    return "\n".join(points) or f"None: this is version {version} of the pipeline."


def _newest_first(entry: tuple[str, str]) -> tuple[int, str]:
    return (-int(entry[0]), "") if entry[0].isdecimal() else (0, entry[0])


def citation(context: CardContext) -> str:
    pipeline, said = context.lock.pipeline, context.about
    key = re.sub(r"[^A-Za-z0-9-]", "-", pipeline.name) or "dataset"
    lines = [f"@misc{{{key}-{context.lock.hash},"]
    if said.creators:
        lines.append(f"  author = {{{' and '.join(map(_author, said.creators))}}},")
    lines.append(f"  title  = {{{_plain(context.title)}}},")
    if said.date:
        lines.append(f"  year   = {{{said.date[:4]}}},")
    if said.url:
        lines.append(f"  url    = {{{said.url}}},")
    build = f"version {pipeline.version}, build {context.lock.hash}"
    lines += [f"  note   = {{Dataset made with bezoar-data, {build}}}", "}"]
    return md.block("\n".join(lines), "bibtex")


def _author(one: Creator) -> str:
    """An organization stands in braces of its own, so that no part of it is taken for a first name."""
    return f"{{{_plain(one.name)}}}" if one.organization else _plain(one.name)


def _plain(words: str) -> str:
    return " ".join(re.sub(r"[{}\\%#$&~^_]", " ", words).split())
