"""Write the catalogue of steps, or say that it is not current."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from bezoar_data.steps.catalogue.entry import _FORMAT, HERE, StepEntry


def render(entries: Sequence[StepEntry]) -> str:
    """The text of a catalogue file."""
    ordered = sorted(entries, key=lambda e: e.use)
    content = {"format": _FORMAT, "steps": [e.as_json() for e in ordered]}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare a package's catalogue file with its step classes, or write it."""
    import argparse

    from bezoar_data.steps.distilabel_import import import_distilabel

    import_distilabel()
    from bezoar_data.steps.catalogue.describe import describe_package

    parser = argparse.ArgumentParser(prog="python -m bezoar_data.steps.catalogue.write", description=main.__doc__)
    parser.add_argument("--write", action="store_true", help="write the file instead of comparing")
    parser.add_argument("--package", default=HERE, help="the package whose steps to describe")
    options = parser.parse_args(arguments)
    path, entries = describe_package(options.package)
    texts = {path: render(entries)}
    if options.package == HERE:
        from bezoar_data.steps.external.describe import render as render_distilabel
        from bezoar_data.steps.external.registry import FILE as DISTILABEL

        texts[DISTILABEL] = render_distilabel()
    for path, text in texts.items():
        if options.write:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path} is written\n")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            sys.stderr.write(f"{path} is not current; run this again with --write\n")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
