"""What all adapters share: the step that is wrapped, its settings and its columns."""

# No `from __future__ import annotations`: distilabel reads the annotations of `process` as objects, not as text.

from functools import cached_property
from typing import Any

from pydantic import BaseModel, Field, PrivateAttr

from bezoar_data.runs.row import Columns
from bezoar_data.steps.external.loading import make, make_ready
from bezoar_data.steps.external.renaming import MODEL_NAME, UNKEPT, Renaming


class _Held:
    """The wrapped step once it is made. A copy starts with none: distilabel copies its steps into other processes, and
    a stranger's step may hold what cannot be copied."""

    def __init__(self) -> None:
        self.step: Any = None
        self.outputs: Any = ()
        self.ready = False

    def __reduce__(self) -> tuple[type["_Held"], tuple[()]]:
        return _Held, ()

    def __deepcopy__(self, memo: dict[int, Any]) -> "_Held":
        return _Held()


class Wrapped(BaseModel):
    """The part of an adapter that knows the step it wraps. `settings` are as the step's class takes them."""

    target: str = Field(description="The step: distilabel:Class or module:Class.")
    settings: dict[str, Any] = Field(default_factory=dict, description="The step's settings.")
    columns: dict[str, str] = Field(default_factory=dict, description="The step's names of columns, and the row's.")
    declared: list[str] = Field(default_factory=list, description="Columns it writes that its class does not tell.")

    _held: _Held = PrivateAttr(default_factory=_Held)

    def model_post_init(self, context: Any, /) -> None:
        super().model_post_init(context)  # distilabel's, further along: pydantic would not call it by itself

    @property
    def wrapped(self) -> Any:
        """The step, made when first asked for. Raises what its class raises for settings that it does not take."""
        if self._held.step is None:
            llm: Any = getattr(self, "llm", None)
            model = None if llm is None else llm.model_name
            name = str(getattr(self, "name", ""))
            self._held.step = make(self.target, name, self.settings, model)
            # Told once: some steps tell it from rows that they have no more later.
            self._held.outputs = self._held.step.outputs
        return self._held.step

    @property
    def _outputs(self) -> Any:
        assert self.wrapped is not None  # noqa: S101
        return self._held.outputs

    def renew(self) -> None:
        """Begin with a new step: one that starts rows may have none left."""
        self._held = _Held()

    @cached_property
    def renaming(self) -> Renaming:
        return Renaming(self.columns)

    def make_ready(self) -> None:
        if not self._held.ready:
            make_ready(self.wrapped, self.target)
            self._held.ready = True

    def let_go(self) -> None:
        if self._held.step is not None:
            self._held.step.unload()

    def fill_seed(self, number: int) -> None:
        """Where the step seeds its draws itself, let it do so anew for each row, or all rows would draw the same."""
        if isinstance(getattr(self.wrapped, "seed", None), int):
            # Past pydantic's assignment, which would check the whole step again.
            self.wrapped.__dict__["seed"] = number

    def _ours(self, columns: Any, *, optional: bool) -> list[str]:
        """The columns that a class declares, under the row's names."""
        wanted = [c for c, required in columns.items() if required is not optional] if isinstance(columns, dict) else []
        if not isinstance(columns, dict) and not optional:
            wanted = list(columns)
        kept = [c for c in wanted if c not in UNKEPT or (c == MODEL_NAME and c in self.columns)]
        return list(dict.fromkeys(self.columns.get(c, c) for c in kept))

    @property
    def reads_columns(self) -> list[str]:
        return self._ours(self.wrapped.inputs, optional=False)

    @property
    def writes_columns(self) -> list[str]:
        return list(dict.fromkeys((*self._ours(self._outputs, optional=False), *self.declared)))

    def said_nothing(self, out: Columns) -> bool:
        """Whether none of the columns the step is there to write holds anything, lists of nothing included."""
        outputs = [c for c in self._outputs if c not in UNKEPT]
        return bool(outputs) and all(_empty(out.get(c)) for c in outputs)


def _empty(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_empty(v) for v in value.values())
    if isinstance(value, list | tuple):
        return all(_empty(v) for v in value)
    return value is None
