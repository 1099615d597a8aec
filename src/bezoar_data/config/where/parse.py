"""Parsing the `where` language: a tokenizer and a recursive descent, a whitelist from end to end."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bezoar_data.config.problems import did_you_mean
from bezoar_data.config.where import tree

LONGEST = 20_000
DEEPEST = 100
_WORDS = ("and", "or", "not", "in", "is", "null", "true", "false")
_FUNCTIONS = ("length", "contains")

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>-?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][+-]?\d+)?(?![\w.]))
      | (?P<word>[^\W\d]\w*)
      | `(?P<quoted>[^`]+)`
      | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      | (?P<sign>==|!=|<=|>=|<|>|\(|\)|\[|\]|,)
    )""",
    re.VERBOSE | re.DOTALL,
)
_INSTEAD = {"=": "==", "&&": "and", "||": "or", "&": "and", "|": "or", "<>": "!=", "!": "not", "≥": ">=", "≤": "<="}
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}


class ParseError(Exception):
    """What is wrong with an expression, and at which character."""

    def __init__(self, message: str, at: int, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.hint = hint


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    """number, word, quoted, text, sign or end."""
    text: str
    at: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else f"'{self.text}'"


def parse(text: str) -> tree.Node:
    """The tree of an expression. Raises `ParseError`."""
    if len(text) > LONGEST:
        raise ParseError(f"the expression is longer than {LONGEST:,} characters", 0)
    if not text.strip():
        raise ParseError("the expression is empty", 0, 'write a comparison such as judge_status == "Accept"')
    return _Parser(_tokens(text)).whole()


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise _unreadable(text, at)
        kind = str(match.lastgroup)
        found.append(_Token(kind, match.group(kind), match.start(kind)))
        at = match.end()
        if kind == "sign" and match.group(kind) == "<" and text[at : at + 1] == ">":
            raise ParseError("'<>' is not known", at - 1, "write '!='")
    found.append(_Token("end", "", len(text)))
    return found


def _unreadable(text: str, at: int) -> ParseError:
    for wrong in sorted(_INSTEAD, key=len, reverse=True):
        if text.startswith(wrong, at):
            return ParseError(f"'{wrong}' is not known", at, f"write '{_INSTEAD[wrong]}'")
    if text[at] in "\"'`":
        return ParseError("this quote is never closed", at)
    if text[at].isdigit() or text[at] == "-":
        return ParseError("this is not a number", at, "write a column whose name starts with a digit in backticks")
    return ParseError(
        f"'{text[at]}' means nothing here", at, "there is no arithmetic, no attribute and no other function"
    )


class _Parser:
    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def whole(self) -> tree.Node:
        node = self._or()
        if self._peek().kind != "end":
            token = self._peek()
            if self._is_comparison(token):
                raise ParseError(
                    "only columns, values and lengths are compared", token.at, "join comparisons with 'and'"
                )
            raise ParseError(f"{token} is too much", token.at, "join comparisons with 'and' or 'or'")
        return node

    def _or(self) -> tree.Node:
        return self._chain("or", self._and)

    def _and(self) -> tree.Node:
        return self._chain("and", self._not)

    def _chain(self, word: str, part: Callable[[], tree.Node]) -> tree.Node:
        at = self._peek().at
        parts = [part()]
        while self._word(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else tree.Both(word, tuple(parts), at)

    def _not(self) -> tree.Node:
        token = self._peek()
        self._depth += 1
        if self._depth > DEEPEST:
            raise ParseError(f"more than {DEEPEST} levels of parentheses and 'not'", token.at)
        try:
            if self._word("not"):
                return tree.Not(self._not(), token.at)
            if self._sign("("):
                node = self._or()
                self._expect(")")
                return node
            return self._comparison()
        finally:
            self._depth -= 1

    def _comparison(self) -> tree.Node:
        left = self._operand()
        if isinstance(left, tree.Contains):
            return left
        token = self._peek()
        if self._is_comparison(token):
            return self._compare(left, self._advance())
        if self._word("is"):
            negated = self._word("not")
            if not self._word("null"):
                raise ParseError(
                    f"'null' is missing before {self._peek()}", self._peek().at, "'is' goes with null only"
                )
            if not isinstance(left, tree.Column):
                raise ParseError("only a column can be null", left.at)
            return self._maybe_not(negated, tree.IsNull(left, token.at))
        negated = token.kind == "word" and token.text == "not" and self._tokens[self._next + 1].text == "in"
        if negated:
            self._advance()
        if self._word("in"):
            if isinstance(left, tree.Literal):
                raise ParseError("'in' comes after a column or a length", left.at)
            return self._maybe_not(negated, tree.In(left, self._list(), token.at))
        if isinstance(left, tree.Length) or (isinstance(left, tree.Literal) and not isinstance(left.value, bool)):
            raise ParseError("this is compared with nothing", left.at, "add a comparison such as '> 10'")
        return left

    def _compare(self, left: tree.Operand, sign: _Token) -> tree.Compare:
        if self._peek().kind == "word" and self._peek().text == "null":
            message = f"nothing is '{sign.text} null': what a null is compared with is unknown"
            raise ParseError(message, sign.at, "write 'is null' or 'is not null'")
        right = self._operand()
        if isinstance(right, tree.Contains):
            raise ParseError("only columns, values and lengths are compared", right.at)
        if self._is_comparison(self._peek()):
            raise ParseError("comparisons cannot be chained", self._peek().at, "write 'a < x and x < b'")
        return tree.Compare(sign.text, left, right, sign.at)

    def _maybe_not(self, negated: bool, node: tree.IsNull | tree.In) -> tree.Node:
        return tree.Not(node, node.at) if negated else node

    def _list(self) -> tuple[tree.Literal, ...]:
        self._expect("[")
        values: list[tree.Literal] = []
        while not self._sign("]"):
            if values:
                self._expect(",")
            token = self._peek()
            value = self._operand()
            if not isinstance(value, tree.Literal):
                raise ParseError("a list holds texts, numbers, true and false only", token.at, "put texts in quotes")
            values.append(value)
        if not values:
            raise ParseError("the list is empty: nothing is in it", self._tokens[self._next - 2].at)
        return tuple(values)

    def _operand(self) -> tree.Operand | tree.Contains:
        token = self._advance()
        match token.kind:
            case "number":
                return tree.Literal(_number(token), token.at)
            case "text":
                return tree.Literal(_text(token), token.at)
            case "quoted":
                return tree.Column(token.text, token.at)
            case "word" if token.text in ("true", "false"):
                return tree.Literal(token.text == "true", token.at)
            case "word" if token.text in _WORDS:
                hint = "write a column of this name in backticks"
                raise ParseError(f"a column or value is missing before {token}", token.at, hint)
            case "word" if self._peek().text == "(" and self._peek().kind == "sign":
                return self._function(token)
            case "word":
                return tree.Column(token.text, token.at)
        raise ParseError(f"a column or value is missing before {token}", token.at)

    def _function(self, name: _Token) -> tree.Length | tree.Contains:
        if name.text not in _FUNCTIONS:
            raise ParseError(f"there is no function '{name.text}'", name.at, did_you_mean(name.text, _FUNCTIONS))
        self._expect("(")
        token = self._peek()
        column = self._operand()
        if not isinstance(column, tree.Column):
            raise ParseError(f"'{name.text}' needs a column", token.at, "write a column's name without quotes")
        if name.text == "length":
            self._expect(")")
            return tree.Length(column, name.at)
        self._expect(",")
        token = self._peek()
        text = self._operand()
        if not isinstance(text, tree.Literal) or not isinstance(text.value, str):
            raise ParseError("'contains' needs a text in quotes", token.at)
        self._expect(")")
        return tree.Contains(column, text.value, name.at)

    def _is_comparison(self, token: _Token) -> bool:
        return token.kind == "sign" and token.text in tree.COMPARISONS

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _advance(self) -> _Token:
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def _word(self, word: str) -> bool:
        return self._take("word", word)

    def _sign(self, sign: str) -> bool:
        return self._take("sign", sign)

    def _take(self, kind: str, text: str) -> bool:
        token = self._peek()
        if token.kind == kind and token.text == text:
            self._next += 1
            return True
        if kind == token.kind == "word" and token.text.isupper() and token.text.lower() == text:
            raise ParseError(f"'{token.text}' is not known", token.at, f"write '{text}'")
        return False

    def _expect(self, sign: str) -> None:
        if not self._sign(sign):
            raise ParseError(f"'{sign}' is missing before {self._peek()}", self._peek().at)


def _number(token: _Token) -> int | float:
    if re.fullmatch(r"-?\d+", token.text):
        # Arrow's integers have 64 bits; and Python refuses texts of thousands of digits.
        if len(token.text) > 20 or not -(2**63) <= int(token.text) < 2**63:
            raise ParseError("this number is beyond 64 bits", token.at)
        return int(token.text)
    value = float(token.text)
    if value in (float("inf"), float("-inf")):
        raise ParseError("this number is too large", token.at)
    return value


def _text(token: _Token) -> str:
    def unescape(match: re.Match[str]) -> str:
        if match.group(1) not in _ESCAPES:
            at = token.at + 1 + match.start()
            raise ParseError(f"'\\{match.group(1)}' is not an escape", at, "known: \\n \\t \\\\ \\\" \\'")
        return _ESCAPES[match.group(1)]

    text = re.sub(r"\\(.)", unescape, token.text[1:-1], flags=re.DOTALL)
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise ParseError("this text holds half a character", token.at)
    return text
