"""Write the catalogue of steps, or say that it is not current."""

from __future__ import annotations

import json
from collections.abc import Sequence

from bezoar_data.config.generated import keep_current, parser
from bezoar_data.steps.catalogue.entry import FORMAT, HERE, StepEntry
from bezoar_data.steps.distilabel_import import import_distilabel


def render(entries: Sequence[StepEntry]) -> str:
    """The text of a catalogue file."""
    ordered = sorted(entries, key=lambda e: e.use)
    content = {"format": FORMAT, "steps": [e.as_json() for e in ordered]}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare a package's catalogue file with its step classes, or write it."""
    command = parser("bezoar_data.steps.catalogue.write", main.__doc__)
    command.add_argument("--package", default=HERE, help="the package whose steps to describe")
    options = command.parse_args(arguments)
    import_distilabel()
    from bezoar_data.steps.catalogue.describe import describe_package

    path, entries = describe_package(options.package)
    return keep_current(path, render(entries), write=options.write)


if __name__ == "__main__":
    raise SystemExit(main())
