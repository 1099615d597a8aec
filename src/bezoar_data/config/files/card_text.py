"""Front matter as text, quoted so that all readers see the same values.

Readers of YAML 1.1 (`huggingface_hub`, `datasets`) and of YAML 1.2 (the Hub) must agree: a bare `no`, a Norwegian
card's language, is false to the one and text to the other.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any

FENCE = "---"

_HARMLESS = re.compile(r"[A-Za-z][A-Za-z0-9_./()-]*( [A-Za-z0-9_./()-]+)*\Z")
_WORDS_OF_YAML = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


def front_text(front: Mapping[str, Any]) -> str:
    """Front matter that we make, with both its fences. The same values give the same bytes."""
    from ruamel.yaml import YAML
    from ruamel.yaml.representer import RoundTripRepresenter

    # A class of its own: representers are added to the class, and other YAML must not change with ours.
    class Plain(RoundTripRepresenter):
        pass

    Plain.add_representer(type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null"))
    Plain.add_representer(float, lambda dumper, v: dumper.represent_scalar("tag:yaml.org,2002:float", _float(v)))
    yaml = YAML(typ="rt", pure=True)
    yaml.Representer = Plain
    yaml.width = 1_000_000
    out = io.StringIO()
    yaml.dump(quoted(dict(front)), out)
    return f"{FENCE}\n{out.getvalue()}{FENCE}\n"


def quoted(value: Any) -> Any:
    """The value with every text in double quotes that some reader of YAML could take for something else."""
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.scalarstring import DoubleQuotedScalarString

    if isinstance(value, str):
        plain = _HARMLESS.match(value) and value.lower() not in _WORDS_OF_YAML
        return value if plain else DoubleQuotedScalarString(value)
    if isinstance(value, Mapping):
        made = CommentedMap()
        for key, inner in value.items():
            made[quoted(str(key))] = quoted(inner)
        return made
    if isinstance(value, list | tuple):
        return [quoted(inner) for inner in value]
    return value


def _float(value: float) -> str:
    """A number's text: to YAML 1.1, `1e-05` without a point is not a number."""
    mantissa, e, exponent = repr(value).partition("e")
    return f"{mantissa}{'' if '.' in mantissa else '.0'}{e}{exponent}"
