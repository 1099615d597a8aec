"""What the catalogue knows of an external step, and of one use of it, without importing it or distilabel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bezoar_data.config.problems import did_you_mean
from bezoar_data.config.settings_validation import SettingProblem
from bezoar_data.steps.catalogue.entry import StepEntry, describe_columns
from bezoar_data.steps.columns import fill_columns
from bezoar_data.steps.external.renaming import MODEL_NAME

PREFIX = "distilabel:"
ADAPTERS = {
    "fast": "bezoar_data.steps.external.row_adapters:FastTask",
    "task": "bezoar_data.steps.external.row_adapters:ExternalTask",
    "row": "bezoar_data.steps.external.row_adapters:ExternalStep",
    "global": "bezoar_data.steps.external.global_adapters:ExternalGlobalStep",
    "global task": "bezoar_data.steps.external.global_adapters:ExternalGlobalTask",
    "source": "bezoar_data.steps.external.global_adapters:ExternalSource",
}
"""The adapter for each way a step may run."""
_HOW = {
    "fast": "row by row, as built-in steps do",
    "task": "its own code asks, row by row in a thread, which is slower",
    "row": "row by row in a thread",
    "global": "over all rows at once",
    "global task": "over all rows at once",
    "source": "as a source",
}
KINDS: Mapping[str, Any] = {
    "fast": "model",
    "task": "model",
    "row": "row",
    "global": "global",
    "global task": "global",
    "source": "source",
}
OWN = ("retries", "keep_truncated")
"""Settings of the adapter's own, not of the class it wraps."""


@dataclass(frozen=True, slots=True)
class Variant:
    """The columns of a step under some of its settings: `when` holds the values that matter."""

    when: Mapping[str, Any]
    reads: tuple[str, ...] = ()
    may_read: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    may_write: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExternalEntry(StepEntry):
    """An external step as the catalogue knows it, or as one use in a file has it (`renamed`, `declared`)."""

    way: str = "row"
    variants: tuple[Variant, ...] = ()
    removes: tuple[str, ...] = ()
    """Columns it takes away; "*": all but those it writes."""
    seen: bool = True
    """Whether its class was looked at. Of a step of a module nothing is known before a run."""
    trusts: bool = False
    """Whether it runs text of data or of models as code."""
    read: StepEntry | None = None
    """What the text of its module says, where its class keeps our contract (`source_text`)."""
    code: str = ""
    """What stands for the code of a module's step."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    declared: tuple[str, ...] | None = None

    @property
    def leaves_known(self) -> bool:
        """Whether the columns of the rows that leave it are known."""
        return self.seen or self.read is not None or self.declared is not None

    @property
    def settings_known(self) -> bool:
        """Whether it is known what it takes."""
        return self.seen or self.read is not None

    def as_read(self, read: StepEntry) -> ExternalEntry:
        """The entry of a module's step with what its text says."""
        way = {"source": "source", "model": "task", "global": "global", "row": "row"}[read.kind]
        known = {name: getattr(read, name) for name in ("settings", "schema", "makes", "carries", "types")}
        return replace(with_way(self, way), read=read, **known)

    def used_with(self, columns: Mapping[str, str], writes: Sequence[str] | None) -> ExternalEntry:
        """The entry for one use, with its `columns:` and `writes:`."""
        return replace(self, renamed=dict(columns), declared=None if writes is None else tuple(writes))

    def check_settings(self, settings: Mapping[str, Any]) -> list[SettingProblem]:
        if not self.seen:
            return self.read.check_settings(settings) if self.read is not None else []
        return super().check_settings(settings)

    def columns(self, settings: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        if not self.seen:
            return self.read.columns(settings) if self.read is not None else ([], list(self.declared or ()))
        variant, values = self._variant(settings)
        writes = self._named((*variant.writes, *({MODEL_NAME} & set(self.renamed))), values)
        writes += [c for c in self.declared or () if c not in writes]
        if self.way == "source":
            writes += self._named(_written(values.get("data")), values)
        return self._named(variant.reads, values), writes

    def optional_columns(self, settings: Mapping[str, Any]) -> list[str]:
        if not self.seen:
            return self.read.optional_columns(settings) if self.read is not None else []
        variant, values = self._variant(settings)
        return self._named(variant.may_write, values)

    def removed(self, settings: Mapping[str, Any], before: set[str]) -> set[str]:
        """Those of the columns before it that rows have no more after it."""
        if "*" in self.removes:
            return before - set(self.columns(settings)[1])
        return set(self._named(self.removes, self._variant(settings)[1]))

    def check_columns(self, settings: Mapping[str, Any]) -> Iterator[SettingProblem]:
        """What is wrong with `columns:`, at its keys."""
        if not self.seen:
            return
        variant, values = self._variant(settings)
        known = [c for part in (variant.reads, variant.may_read, variant.writes, variant.may_write) for c in part]
        known = _fill(known, values) + ([MODEL_NAME] if self.role_settings else [])
        for name in self.renamed:
            if name not in known:
                message = f"'{self.use}' knows no column '{name}'"
                yield SettingProblem((name,), "unknown-column", message, did_you_mean(name, known))
        names = list(self.renamed.values())
        for i, (name, column) in enumerate(self.renamed.items()):
            if column in names[:i] or (column in known and column not in self.renamed):
                message = f"two columns of '{self.use}' are called '{column}'"
                yield SettingProblem((name,), "column-twice", message, "give one of them another name")

    def describe_columns(self) -> list[str]:
        lines: list[str] = []
        for v in self.variants:
            if v.when:
                lines.append("with " + ", ".join(f"{k}: {_in_yaml(w)}" for k, w in v.when.items()))
            lines += describe_columns(v.reads, v.writes, v.may_write, v.may_read)
        return [*lines, f"runs: {_HOW[self.way]}"]

    def as_json(self) -> dict[str, Any]:
        # Not what only one use of it says.
        unsaid = ("seen", "read", "code", "renamed", "declared")
        return {k: v for k, v in super().as_json().items() if k not in unsaid}

    def adapter_fields(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What the adapter is made with."""
        theirs = {k: v for k, v in self.fields(settings).items() if k != "llm" and k not in self._own}
        own = {k: v for k, v in self.fields(settings).items() if k == "llm" or k in self._own}
        own |= {"code": self.code} if self.way == "source" else {}
        said = {"columns": dict(self.renamed), "declared": list(self.declared or ())}
        return {"target": self.use, "settings": theirs, **said, **own}

    @property
    def _own(self) -> tuple[str, ...]:
        return OWN if self.way == "fast" else ()

    def _variant(self, settings: Mapping[str, Any]) -> tuple[Variant, Mapping[str, Any]]:
        values = {s.field: s.default for s in self.settings} | self.fields(settings)
        fits = (v for v in self.variants if all(values.get(k) == w for k, w in v.when.items()))
        return next(fits, Variant({})), values

    def _named(self, declared: Sequence[str], values: Mapping[str, Any]) -> list[str]:
        return list(dict.fromkeys(self.renamed.get(c, c) for c in _fill(declared, values)))


def _in_yaml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _written(data: Any) -> list[str]:
    """The columns of rows that are written in a pipeline file."""
    return [c for row in data if isinstance(row, dict) for c in row] if isinstance(data, list | tuple) else []


def _fill(declared: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    """Column names with the settings that name them filled in. `{name:values}` stands for the values of a mapping
    (its keys, where it is a list)."""
    filled: list[str] = []
    for name in declared:
        key = name[1:-1].removesuffix(":values")
        given = values.get(key) if name.startswith("{") else None
        if isinstance(given, Mapping):
            filled += [str(v or k) if name.endswith(":values}") else str(k) for k, v in given.items()]
        else:
            filled += fill_columns([name.replace(":values", "")], values)
    return filled


def with_way(entry: ExternalEntry, way: str) -> ExternalEntry:
    return replace(entry, way=way, target=ADAPTERS[way], kind=KINDS[way])
