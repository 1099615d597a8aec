"""A page of ours in a browser, opened from the disk: it loads nothing, complains of nothing, keeps nobody out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.browser import Browser


def opened(window: Browser, page: Path) -> Browser:
    window.complaints()
    window.open(page.resolve().as_uri())
    window.wait(lambda: window.run("return 'ready' in document.body.dataset"))
    return window


def calm(window: Browser) -> None:
    """Nothing was loaded, complained about, or run out of a row."""
    assert window.run("return performance.getEntriesByType('resource').map((r) => r.name)") == []
    assert window.run("return window.ran") is None
    assert window.complaints() == []


def for_everybody(window: Browser) -> None:
    """By axe, light and dark, wide and at 390 pixels: nothing serious is wrong, and nothing is cut off."""
    axe = axe_script()
    for scheme in ("light", "dark"):
        window.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for width in (1500, 390):
            size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
            window.devtools("Emulation.setDeviceMetricsOverride", **size)
            assert serious(window, axe) == [], (scheme, width)
            assert window.run("return document.documentElement.scrollWidth <= innerWidth"), (scheme, width)
    window.devtools("Emulation.clearDeviceMetricsOverride")
    window.devtools("Emulation.setEmulatedMedia", features=[])


def axe_script() -> str:
    package = pytest.importorskip("axe_core_python", reason="axe-core-python brings axe-core")
    return next(Path(package.__file__).parent.rglob("axe.min.js")).read_text("utf-8")


def serious(window: Browser, axe: str) -> list[Any]:
    if not window.run("return 'axe' in window"):
        window.devtools("Runtime.evaluate", expression=axe)
    window.run("window.axed = null; axe.run().then((said) => { window.axed = said; })")
    said = window.wait(lambda: window.run("return window.axed && [window.axed.violations, window.axed.passes.length]"))
    assert said[1] > 10, "axe looked at the page"
    return [
        (one["id"], [node["html"][:120] for node in one["nodes"]][:3])
        for one in said[0]
        if one["impact"] in ("serious", "critical")
    ]
