"""Whether a dataset is what a person expects of it: each expectation with what was found.

What the lock counted is taken from there, once the dataset is known to be what its lock and card say; what it did not
count is counted in the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bezoar_data.cards.check import check_dataset
from bezoar_data.cards.export.views import choose_view, read_card
from bezoar_data.cards.licences.lineage import Licence
from bezoar_data.cards.truth import true_licence
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import load_card
from bezoar_data.config.files.expectations import ColumnRules, Counts, Expectations, RowRule, Shares
from bezoar_data.config.problems import Place, did_you_mean
from bezoar_data.config.where import Where
from bezoar_data.config.words import many
from bezoar_data.runs.accepted import accepted_rows
from bezoar_data.runs.lengths import Lengths
from bezoar_data.runs.lock import Lock
from bezoar_data.runs.parquet import batches_of
from bezoar_data.runs.published import data_files, open_rows
from bezoar_data.runs.reviewed import REVIEW_COLUMNS
from bezoar_data.runs.row import LINEAGE_COLUMNS, RESERVED

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Finding:
    """An expectation: `rule` is where it stands in the file, `found` and `wanted` say both sides in words."""

    rule: str
    met: bool
    found: str
    wanted: str

    def as_json(self) -> dict[str, Any]:
        return {"rule": self.rule, "met": self.met, "found": self.found, "wanted": self.wanted}


def findings(dataset: Path, expect: Expectations) -> list[Finding]:
    """Every expectation of the dataset in this folder, met or not, in the order of the file format. Raises `InputError`
    where there is no dataset, or one that cannot be read."""
    said = check_dataset(dataset)
    claims = "; ".join(problem.in_a_line() for problem in said[:3]) or "is so"
    first = Finding("claims", not said, claims, "what lock and card claim is so")
    return [first, *_Checked(dataset, expect).all()]


class _Checked:
    def __init__(self, dataset: Path, expect: Expectations) -> None:
        self._dataset, self._expect = dataset, expect
        self._lock = Lock.read(dataset / "lock.json")
        self._rows = open_rows(dataset)
        self._schema: pa.Schema = self._rows.schema

    def all(self) -> Iterator[Finding]:
        expect, counts = self._expect, self._lock.counts
        if expect.rows is not None:
            yield _within("rows", counts.kept, expect.rows)
        if expect.dropped is not None:
            yield _share("dropped", counts.dropped, counts.kept + counts.dropped, expect.dropped)
        if expect.accepted is not None:
            yield self._accepted(expect.accepted)
        yield from self._empty()
        for name, rules in expect.columns.items():
            yield from self._column(name, rules)
        for i, rule in enumerate(expect.holds):
            yield self._holds(f"holds.{i}", rule)
        yield from self._licence()
        yield from self._judged()
        if expect.demo is not None:
            said = {True: "is a demo", False: "is not a demo"}
            yield Finding("demo", self._lock.demo == expect.demo, said[self._lock.demo], said[expect.demo])

    def _accepted(self, wanted: Shares) -> Finding:
        card, place = read_card(self._dataset), Place(str(self._dataset))
        view = choose_view(card, self._schema, place, needed=False)
        where = accepted_rows(self._schema, view.where, self._lock, view.place, "")
        rows = self._lock.counts.kept
        return _share("accepted", rows if where is None else self._count(where), rows, wanted)

    def _count(self, where: Where) -> int:
        return int(self._rows.count_rows(filter=where.arrow(self._schema)))

    def _holds(self, name: str, rule: RowRule) -> Finding:
        where, rows = Where.parse(rule.where), self._lock.counts.kept
        wanted = f"true of {'all rows' if rule.share == 1 else f'at least {rule.share:.1%} of the rows'}: {rule.where}"
        try:
            true = self._count(where)
        except InputError as error:
            return Finding(name, False, error.problems[0].message, wanted)
        return Finding(name, true >= rule.share * rows, f"true of {_of(true, rows)}", wanted)

    def _empty(self) -> Iterator[Finding]:
        """Columns of which nothing else is said are looked at as the file says, all others as they say."""
        expect = self._expect
        most = {name: rules.empty for name, rules in expect.columns.items() if rules.empty is not None}
        if expect.empty is not None:
            aside = (*LINEAGE_COLUMNS, RESERVED, *REVIEW_COLUMNS)
            names = [name for name in self._schema.names if name not in aside and _holds_text(self._schema, name)]
            most = {**dict.fromkeys(names, expect.empty), **most}
        there = [name for name in most if name in self._schema.names]
        counts = _empty_values(data_files(self._dataset), there)
        for name in there:
            share = Shares(most=most[name])
            found = _share(f"columns.{name}.empty", counts[name], self._lock.counts.kept, share)
            if not found.met or name in expect.columns:
                yield found
        if expect.empty is not None:
            filled = [name for name in there if counts[name] <= most[name] * self._lock.counts.kept]
            wanted = f"in every column at most {expect.empty:.1%} of the rows empty"
            yield Finding("empty", len(filled) == len(there), f"{len(filled)} of {len(there)} columns so", wanted)

    def _column(self, name: str, rules: ColumnRules) -> Iterator[Finding]:
        rule = f"columns.{name}"
        if name not in self._schema.names:
            hint = did_you_mean(name, self._schema.names)
            yield Finding(rule, False, f"there is no column '{name}'{f' ({hint})' if hint else ''}", "it is there")
            return
        lengths = self._lock.lengths.get(name)
        for kind, wanted in (("characters", rules.characters), ("turns", rules.turns)):
            if wanted is not None:
                yield _lengths(f"{rule}.{kind}", getattr(lengths, kind, None), wanted)
        if rules.values is not None:
            known = {str(value) for value in rules.values}
            others = self._others(name, known)
            found = f"also {', '.join(repr(v) for v in others[:3])}{' and others' if len(others) > 3 else ''}"
            yield Finding(f"{rule}.values", not others, found if others else "no others", f"only {sorted(known)}")

    def _others(self, name: str, known: set[str]) -> list[str]:
        import pyarrow.compute as pc

        there = pc.unique(self._rows.to_table(columns=[name]).column(name)).to_pylist()
        return sorted({str(value) for value in there if value is not None} - known)

    def _licence(self) -> Iterator[Finding]:
        expect = self._expect
        if expect.licence is None and expect.commercial is None:
            return
        licence: Licence = true_licence(load_card(self._dataset / "README.md"), self._lock)
        if expect.licence is not None:
            met = licence.result.casefold() in {name.casefold() for name in expect.licence}
            yield Finding("licence", met, licence.result, f"one of {', '.join(expect.licence)}")
        if expect.commercial is not None:
            wanted = "yes" if expect.commercial else "no"
            yield Finding("commercial", licence.commercial == wanted, licence.commercial, wanted)

    def _judged(self) -> Iterator[Finding]:
        expect, lock = self._expect, self._lock
        for judge, least in expect.kappa.items():
            measured = [found for one in lock.judging.people.of_judge(judge) for found in one.by_draw]
            wanted = f"at least {least:g}"
            if not measured or (kappa := measured[0][1].kappa).value is None:
                yield Finding(f"kappa.{judge}", False, "not measured against people", wanted)
                continue
            interval = f" ({kappa.low:.2f} to {kappa.high:.2f})" if kappa.low is not None else ""
            said = f"{kappa.value:.2f}{interval} of {many(measured[0][1].rows, 'row')}"
            yield Finding(f"kappa.{judge}", kappa.value >= least, said, wanted)
        if expect.contamination is not None:
            wanted = f"items of evaluation sets in at most {many(expect.contamination, 'row')}"
            if lock.contamination is None:
                yield Finding("contamination", False, "no step looked for any", wanted)
            else:
                held = sum(step.marked + step.kept_on_appeal for step in lock.contamination.steps)
                yield Finding("contamination", held <= expect.contamination, many(held, "row"), wanted)
        if expect.reviewed is not None:
            rows = lock.review.rows if lock.review is not None else 0
            yield Finding(
                "reviewed", rows >= expect.reviewed, many(rows, "row"), f"at least {many(expect.reviewed, 'row')}"
            )


def _within(rule: str, found: int, wanted: Counts) -> Finding:
    met = (wanted.least is None or found >= wanted.least) and (wanted.most is None or found <= wanted.most)
    return Finding(rule, met, f"{found:,}", _bounds(wanted, ""))


def _share(rule: str, part: int, whole: int, wanted: Shares) -> Finding:
    share = part / whole if whole else 0.0
    met = (wanted.least is None or share >= wanted.least) and (wanted.most is None or share <= wanted.most)
    return Finding(rule, met, _of(part, whole), _bounds(wanted, "%"))


def _lengths(rule: str, lengths: Lengths | None, wanted: Counts) -> Finding:
    if lengths is None:
        return Finding(rule, False, "it holds none", _bounds(wanted, ""))
    met = wanted.least is None or lengths.least >= wanted.least
    met = met and (wanted.most is None or lengths.most <= wanted.most)
    return Finding(rule, met, f"{lengths.least:,} to {lengths.most:,}", _bounds(wanted, ""))


def _of(part: int, whole: int) -> str:
    return f"{part / whole if whole else 0:.1%} ({part:,} of {whole:,})"


def _bounds(wanted: Counts | Shares, unit: str) -> str:
    said = [(word, n) for word, n in (("at least", wanted.least), ("at most", wanted.most)) if n is not None]
    return ", ".join(f"{word} {n:.1%}" if unit else f"{word} {n:,}" for word, n in said)


def _holds_text(schema: pa.Schema, name: str) -> bool:
    import pyarrow as pa

    kind = schema.field(name).type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_list(kind))


def _empty_values(files: list[Path], columns: list[str]) -> Mapping[str, int]:
    """By column, how many rows have nothing in it."""
    counts = dict.fromkeys(columns, 0)
    for file in files if columns else ():
        for batch in batches_of(file, columns):
            for name in columns:
                counts[name] += _empty_of(batch.column(name))
    return counts


def _empty_of(values: pa.Array) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    empty = values.is_null()
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        empty = pc.or_kleene(empty, pc.equal(pc.utf8_trim_whitespace(values), ""))
    elif pa.types.is_list(values.type):
        empty = pc.or_kleene(empty, pc.equal(pc.list_value_length(values), 0))
    return int(pc.sum(empty.fill_null(False)).as_py() or 0)
