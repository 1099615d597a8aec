"""What all adapters share: the step that is adapted, its settings and its columns."""

# No `from __future__ import annotations`: distilabel reads the annotations of `process` as objects, not as text.

from functools import cached_property
from typing import Any

from pydantic import BaseModel, Field, PrivateAttr

from bezoar_data.runs.row import Columns
from bezoar_data.steps.external.loading import make, make_ready
from bezoar_data.steps.external.renaming import MODEL_NAME, UNKEPT, Renaming


class LazyStep:
    """The adapted step once it is made. A copy starts with none: distilabel copies its steps into other processes, and
    an external step may hold what cannot be copied."""

    def __init__(self) -> None:
        self.step: Any = None
        self.outputs: Any = ()
        self.ready = False

    def __reduce__(self) -> tuple[type["LazyStep"], tuple[()]]:
        return LazyStep, ()

    def __deepcopy__(self, memo: dict[int, Any]) -> "LazyStep":
        return LazyStep()


class Adapter(BaseModel):
    """The part of an adapter that knows the step it adapts. `settings` are as the step's class takes them."""

    target: str = Field(description="The step: distilabel:Class or module:Class.")
    settings: dict[str, Any] = Field(default_factory=dict, description="The step's settings.")
    columns: dict[str, str] = Field(default_factory=dict, description="The step's names of columns, and the row's.")
    declared: list[str] = Field(default_factory=list, description="Columns it writes that its class does not name.")

    _lazy: LazyStep = PrivateAttr(default_factory=LazyStep)

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)  # distilabel's, further along: pydantic would not call it by itself

    @property
    def step(self) -> Any:
        """The step, made when first asked for. Raises what its class raises for settings that it does not take."""
        if self._lazy.step is None:
            llm: Any = getattr(self, "llm", None)
            model = None if llm is None else llm.model_name
            name = str(getattr(self, "name", ""))
            self._lazy.step = make(self.target, name, self.settings, model)
            # Read once: some steps name them by rows that they have no more later.
            self._lazy.outputs = self._lazy.step.outputs
        return self._lazy.step

    @property
    def outputs(self) -> list[str]:
        assert self.step is not None  # noqa: S101
        return list(dict.fromkeys((*self._row_names(self._lazy.outputs), *self.declared)))

    def renew(self) -> None:
        """Begin with a new step: one that starts rows may have none left."""
        self._lazy = LazyStep()

    @cached_property
    def renaming(self) -> Renaming:
        return Renaming(self.columns)

    def make_ready(self) -> None:
        if not self._lazy.ready:
            make_ready(self.step, self.target)
            self._lazy.ready = True

    def fill_seed(self, number: int) -> None:
        """Where the step seeds its draws itself, let it do so anew for each row, or all rows would draw the same."""
        if isinstance(getattr(self.step, "seed", None), int):
            # Past pydantic's assignment, which would check the whole step again.
            self.step.__dict__["seed"] = number

    def _row_names(self, columns: Any) -> list[str]:
        """The columns that a class requires or always writes, under the row's names."""
        wanted = [c for c, required in columns.items() if required] if isinstance(columns, dict) else columns
        kept = [c for c in wanted if c not in UNKEPT or (c == MODEL_NAME and c in self.columns)]
        return [self.columns.get(c, c) for c in kept]

    def is_empty(self, out: Columns) -> bool:
        """Whether none of the columns the step is there to write holds anything, lists of nothing included."""
        assert self.step is not None  # noqa: S101
        outputs = [c for c in self._lazy.outputs if c not in UNKEPT]
        return bool(outputs) and all(_empty(out.get(c)) for c in outputs)


class LoadedAdapter(Adapter):
    """An adapter of a step that takes rows: it is loaded before the first of them."""

    @property
    def inputs(self) -> list[str]:
        return list(dict.fromkeys(self._row_names(self.step.inputs)))

    def load(self) -> None:
        super().load()  # type: ignore[misc]
        self.make_ready()

    def unload(self) -> None:
        if self._lazy.step is not None:
            self._lazy.step.unload()
        super().unload()  # type: ignore[misc]


def _empty(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_empty(v) for v in value.values())
    if isinstance(value, list | tuple):
        return all(_empty(v) for v in value)
    return value is None
