"""Card templates: Markdown with values in it, rendered without trust in whoever wrote them.

A template is a document, not a program. Besides Jinja's immutable sandbox and strict undefined names, its syntax is
limited to values, `sections.NAME`, `if`, `for` (two deep) and a few filters: nothing in it can assign, call, multiply
or repeat text, so that a template pulled from someone else can cost no more than its own size. Whatever a value holds
is escaped for Markdown; only sections are Markdown already.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, UndefinedError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from bezoar_data.cards.merge import MARKER
from bezoar_data.cards.sections import markdown
from bezoar_data.cards.sections.markdown import Markdown
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import Card
from bezoar_data.config.problems import Place, Problem, did_you_mean
from bezoar_data.config.sanitize import printable

VALUES = (
    "title",
    "pipeline",
    "software",
    "steps",
    "sources",
    "models",
    "counts",
    "usage",
    "cost",
    "judges",
    "columns",
    "data",
    "demo",
    "lock",
)
"""What a template may show, as in the lock; `lock` is its hash and `title` the card's name."""

SECTIONS = "sections"

_FILE = "<template>"
_MAX_LOOPS = 2
_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Filter,
    nodes.Keyword,
    nodes.Test,
    nodes.If,
    nodes.CondExpr,
    nodes.For,
    nodes.Tuple,
    nodes.List,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
)
_HINT = "a card may use values, sections, 'if', 'for' and filters"
_TESTS = ("defined", "undefined", "none", "true", "false", "equalto", "eq", "ne", "gt", "ge", "lt", "le", "in")


class _Missing(StrictUndefined):
    """A name that a run does not give: an error wherever it is used, worded for the card's author."""

    @property
    def _undefined_message(self) -> str:
        known = list(self._undefined_obj) if isinstance(self._undefined_obj, Mapping) else list(VALUES)
        hint = did_you_mean(str(self._undefined_name), known)
        return f"a run gives no '{printable(str(self._undefined_name))}' here\n{hint}"

    __iter__ = __str__ = __len__ = StrictUndefined._fail_with_undefined_error
    __eq__ = __ne__ = __bool__ = __hash__ = StrictUndefined._fail_with_undefined_error


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, with no attribute of any Python object in reach: values are read by key."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        return isinstance(obj, LoopContext) and attr in ("index", "first", "last")

    def getattr(self, obj: Any, attribute: str) -> Any:
        # Jinja looks for Python's attributes first: a key named `items` would give a method.
        if isinstance(obj, Mapping):
            try:
                return obj[attribute]
            except KeyError:
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)


def check_template(card: Card, sections: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a template's body, as far as reading it shows."""
    problems = [
        Problem(
            "rendered-card",
            "this is a card that a run has filled in, not a template",
            Place(card.file, card.body_line + i, 1),
            "write '{{ sections.NAME }}' where a section belongs",
        )
        for i, line in enumerate(card.body.split("\n"))
        if MARKER.match(line)
    ]
    try:
        tree = _environment().parse(card.body)
    except TemplateSyntaxError as error:
        why = printable(str(error.message).replace("Jinja was", "it was"), 200)
        place = _place(card, error.lineno)
        return [*problems[:1], Problem("bad-template", f"the template cannot be read: {why}", place)]
    return [*problems[:1], *_Checker(card, sections).check(tree)]


def render_body(card: Card, values: Mapping[str, Any], sections: Mapping[str, Markdown]) -> str:
    """The body with its values. Raises `InputError`; the template must have passed `check_template`."""
    environment = _environment()
    try:
        return environment.from_string(card.body).render({**values, SECTIONS: sections})
    except UndefinedError as error:
        message, _, hint = str(error.message).partition("\n")
        problem = Problem("undefined-value", message, _place(card, _line_of(error)), hint)
    except SecurityError as error:
        problem = Problem("bad-template", "this is not a value of a run", _place(card, _line_of(error)), _HINT)
    except (TypeError, ValueError, ArithmeticError, RecursionError) as error:
        problem = Problem(
            "bad-template", f"this cannot be shown: {printable(str(error))}", _place(card, _line_of(error))
        )
    raise InputError(problem) from None


def _environment() -> _Environment:
    environment = _Environment(
        undefined=_Missing,
        finalize=lambda value: value if isinstance(value, Markdown) else Markdown(markdown.text(value)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.clear()
    builtin = environment.filters
    environment.filters = {
        **{name: builtin[name] for name in ("length", "upper", "lower", "round", "sort", "items")},
        "join": _join,
        "thousands": lambda value: f"{value:,}",
        "share": markdown.share,
        "code": lambda value: Markdown(markdown.code(value)),
    }
    environment.tests = {name: environment.tests[name] for name in _TESTS}
    return environment


def _join(value: Any, between: str = ", ") -> str:
    # Joining the letters of a text would let a template grow what it is given.
    if isinstance(value, str) or not isinstance(value, list | tuple | Mapping):
        raise TypeError("'join' needs a list")
    return between.join(map(str, value))


class _Checker:
    """Walks a template's syntax tree once and collects what is not allowed."""

    def __init__(self, card: Card, sections: Mapping[str, Any]) -> None:
        self.card = card
        self.sections = sections
        self.used: set[str] = set()
        self.problems: list[Problem] = []

    def check(self, tree: nodes.Template) -> list[Problem]:
        self.walk(tree, known=frozenset((*VALUES, SECTIONS)), loops=0)
        return self.problems

    def walk(self, node: nodes.Node, known: frozenset[str], loops: int) -> None:
        if not isinstance(node, _ALLOWED):
            kind = type(node).__name__.lower()
            self.problem("bad-template", f"'{kind}' is not allowed in a card", node, _HINT)
            return
        if isinstance(node, nodes.For):
            loops += 1
            if loops > _MAX_LOOPS or node.recursive:
                self.problem("bad-template", f"'for' may be nested {_MAX_LOOPS} deep at most", node, "")
                return
            self.walk(node.iter, known, loops)
            known |= {name.name for name in _names(node.target)} | {"loop"}
            for child in (*node.body, *node.else_, *([node.test] if node.test else [])):
                self.walk(child, known, loops)
            return
        if isinstance(node, nodes.Name):
            self.value(node, known)
            return
        if isinstance(node, nodes.Getattr | nodes.Getitem) and _is_sections(node.node):
            self.section(node, loops)
            return
        if isinstance(node, nodes.Filter | nodes.Test):
            self.named(node)
        for child in node.iter_child_nodes():
            self.walk(child, known, loops)

    def value(self, node: nodes.Name, known: frozenset[str]) -> None:
        if node.name == SECTIONS:
            self.problem("bad-template", "name one section: '{{ sections.NAME }}'", node, "")
        elif node.name not in known:
            hint = did_you_mean(node.name, sorted(known))
            self.problem("undefined-value", f"a run gives no '{printable(node.name)}' to a card", node, hint)

    def section(self, node: nodes.Getattr | nodes.Getitem, loops: int) -> None:
        name = str(node.attr if isinstance(node, nodes.Getattr) else getattr(node.arg, "value", None))
        if name not in self.sections:
            hint = did_you_mean(name, list(self.sections))
            self.problem("unknown-section", f"a card has no section '{printable(name)}'", node, hint)
        elif name in self.used or loops:
            self.problem("repeated-section", f"the section '{name}' may appear only once", node, "remove one of them")
        else:
            self.used.add(name)

    def named(self, node: nodes.Filter | nodes.Test) -> None:
        what, names = (
            ("filter", _environment().filters) if isinstance(node, nodes.Filter) else ("test", dict.fromkeys(_TESTS))
        )
        if node.name not in names:
            hint = did_you_mean(node.name, list(names))
            self.problem("bad-template", f"a card has no {what} '{printable(node.name)}'", node, hint)

    def problem(self, code: str, message: str, node: nodes.Node, hint: str) -> None:
        self.problems.append(Problem(code, message, _place(self.card, node.lineno), hint))


def _names(target: nodes.Node) -> Iterator[nodes.Name]:
    if isinstance(target, nodes.Name):
        yield target
    yield from target.find_all(nodes.Name)


def _is_sections(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == SECTIONS


def _place(card: Card, line: int | None) -> Place:
    return Place(card.file, card.body_line + line - 1) if line else Place(card.file, card.body_line)


def _line_of(error: BaseException) -> int | None:
    """The template's line in which an error arose: Jinja's frames carry the template's name and its lines."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == _FILE]
    return lines[-1] if lines else None
