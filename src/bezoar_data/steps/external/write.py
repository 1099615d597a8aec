"""Write the catalogue of distilabel's steps, or say that it is not current."""

from __future__ import annotations

from collections.abc import Sequence

from bezoar_data.config.generated import keep_current, parser
from bezoar_data.steps.distilabel_import import import_distilabel
from bezoar_data.steps.external.registry import FILE


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare the catalogue of distilabel's steps with its classes, or write it."""
    options = parser("bezoar_data.steps.external.write", main.__doc__).parse_args(arguments)
    import_distilabel()
    from bezoar_data.steps.external.describe import render

    return keep_current(FILE, render(), write=options.write)


if __name__ == "__main__":
    raise SystemExit(main())
