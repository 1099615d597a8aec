"""Pages for a browser, and pieces of them for a notebook: self-contained, and foreign text in them never obeyed.

A page loads nothing and runs nothing but scripts of ours: its content security policy names its own style and scripts
by their hashes, and no more. Whatever comes from rows, models or files enters through `text`, or as data through
`plain_text`.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Place, Problem
from bezoar_data.config.sanitize import clean_text, mask_keys
from bezoar_data.llms.redact import redact

ENCODING = "latin-1"
"""Of a page's file: what is packed in a page has a byte for each letter, all else is ASCII."""

STYLE = """
.bezoar { --line: #d5d9de; --soft: #f4f6f8; --dim: #5b6672; --good: #17703a; --bad: #a8281e; color: #1b2026;
  font: 15px/1.5 system-ui, sans-serif; }
.bezoar h1 { font-size: 1.5em; margin: 0 0 .2em; } .bezoar h2 { font-size: 1.15em; margin: 1.6em 0 .4em; }
.bezoar p { margin: .3em 0; } .bezoar .dim { color: var(--dim); } .bezoar .good { color: var(--good); }
.bezoar .bad { color: var(--bad); } .bezoar .number { text-align: right; font-variant-numeric: tabular-nums; }
.bezoar table { border-collapse: collapse; margin: .4em 0 1em; color: inherit; }
.bezoar th, .bezoar td { border: 1px solid var(--line); padding: .35em .6em; text-align: left; vertical-align: top;
  background: none; }
.bezoar th { background: var(--soft); font-weight: 600; }
.bezoar pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .15em 0 .5em; font: 13px/1.45 ui-monospace,
  monospace; background: none; color: inherit; padding: 0; border: 0; }
.bezoar .label { color: var(--dim); font-size: .85em; }
@media (prefers-color-scheme: dark) { .bezoar.page { --line: #3a424b; --soft: #20262d; --dim: #98a4b0; --good: #6cc98b;
  --bad: #f08a80; color: #e4e8ec; background: #14181c; } }
"""
"""Everything stands under `.bezoar`, so that in a notebook it changes nothing around it."""


class Html(str):
    """Text that is HTML already and is put into a page as it is."""

    __slots__ = ()


def plain_text(value: object) -> str:
    """A value as text that a script of ours puts into a page: nothing in it steers the page or is a key."""
    said = str(value)
    return clean_text(mask_keys(redact(said))) if said else ""


def text(value: object) -> Html:
    """A value as text: nothing in it is markup, steers the page or is a key."""
    return Html(_ascii(html.escape(plain_text(value))))


def _ascii(said: str) -> str:
    """References for all other characters: a page is ASCII but for what is packed in it."""
    return said.encode("ascii", "xmlcharrefreplace").decode()


def element(name: str, *content: str, classes: str = "", **attributes: str) -> Html:
    """An element around content, of which whatever is not `Html` is text."""
    given = {"class": classes, **attributes} if classes else attributes
    inside = "".join(c if isinstance(c, Html) else text(c) for c in content)
    said = "".join(f' {key}="{_ascii(html.escape(value))}"' for key, value in given.items())
    return Html(f"<{name}{said}>{inside}</{name}>")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: frozenset[int] = frozenset()) -> Html:
    """A table; `numbers` are the places of the columns that hold figures."""

    def line(kind: str, cells: Sequence[str]) -> Html:
        return element(
            "tr", *(element(kind, cell, classes="number" if i in numbers else "") for i, cell in enumerate(cells))
        )

    body = Html("".join(line("td", cells) for cells in rows))
    return element("table", element("thead", line("th", head)), element("tbody", body))


LONG = 1_500
"""A text of more characters than this is folded away behind its beginning."""


def long_text(said: str) -> Html:
    """A text as it is, folded away if it is long."""
    if len(said) <= LONG:
        return element("pre", said)
    start = f"{said[:160].rstrip()} … ({len(said):,} characters)"
    return element("details", element("summary", start), element("pre", said))


def piece(*content: str, style: str = "") -> Html:
    """A piece of HTML for a notebook, with its style; `style` is put behind the common one."""
    return Html(f"<style>{STYLE}{style}</style>{element('div', *content, classes='bezoar')}")


def picture(svg: bytes, shows: str) -> Html:
    """A drawing of ours. It stands in the page as an image, which can neither load nor run anything."""
    data = base64.b64encode(svg).decode()
    return Html(f'<img alt="{text(shows)}" src="{_SVG}{data}">')


_SVG = "data:image/svg+xml;base64,"


def data(name: str, content: str, kind: str = "text/plain") -> Html:
    """Data for a script of the page, which finds it by its name. It holds no `<`, and no browser runs it."""
    return Html(f'<script type="{kind}" id="{name}">{content}</script>')


def page(
    title: str,
    *content: str,
    style: str = "",
    script: str = "",
    more: Sequence[str] = (),
    behind: Sequence[str] = (),
) -> str:
    """A whole page. `style` is put behind the common one, `script` runs once the content is there, before what stands
    `behind` it. `more` are sources that it may run scripts from, as its content security policy names them."""
    styles = STYLE + ".bezoar.page { margin: 0; padding: 1.5em; }" + style
    images = "img-src data:; " if any(_SVG in one for one in content) else ""
    scripts = " ".join([*([allowed(script)] if script else []), *more])
    policy = (
        f"default-src 'none'; {images}{f'script-src {scripts}; ' if scripts else ''}style-src {allowed(styles)}; "
        "base-uri 'none'; form-action 'none'"
    )
    run = [Html(f"<script>{script}</script>")] if script else []
    body = element("body", *content, *run, *behind, classes="bezoar page")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="windows-1252">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta name="color-scheme" '
        f'content="light dark">\n<title>{text(title)}</title>\n<style>{styles}</style>\n</head>\n{body}\n</html>\n'
    )


def refuse_other(path: Path) -> None:
    """Refuse to write a page over a file that holds something else. Raises `InputError`, and `OSError` where the file
    cannot be read."""
    head = path.read_bytes()[:100].strip() if path.is_file() else b""
    if head and not head.lower().startswith(b"<!doctype html"):
        message = "this file holds no page, and would be lost"
        raise InputError(Problem("cannot-write", message, Place(str(path)), "name another file"))


def allowed(code: str) -> str:
    """How a content security policy names a style or script that stands in the page, or is put there by another."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"
