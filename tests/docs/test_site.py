"""The site of the documentation builds: each page in the navigation, links that lead somewhere, the reference whole."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from bezoar_data.cli.lazy import COMMANDS
from bezoar_data.steps.known import known_steps

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "MIGRATION.md", "REPRODUCTION.md")


@pytest.fixture(scope="module")
def make_site() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        yield importlib.import_module("make_site")


@pytest.fixture(scope="module")
def site(make_site: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    done = make_site.build(out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_the_site_has_each_page_once(site: Path):
    pages = {path.relative_to(site / "docs").with_suffix(".html") for path in (site / "docs").rglob("*.md")}
    built = {path.relative_to(site / "site") for path in (site / "site").rglob("*.html")}
    assert pages == built - {Path("404.html")}
    assert {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")} <= {str(path) for path in built}


def test_the_reference_has_every_command_step_and_key(site: Path):
    commands = (site / "docs/reference/commands.md").read_text()
    assert all(f"\n## {name}\n" in commands for name in COMMANDS)
    assert "\n## judge reliability\n" in commands
    steps = (site / "docs/reference/steps.md").read_text()
    assert all(f"\n## {name}\n" in steps for name in known_steps() if not name.startswith("distilabel:"))
    for schema in (ROOT / "schemas").glob("*.json"):
        page = (site / "docs/reference" / f"{schema.name.partition('.')[0]}.md").read_text()
        assert all(f"| `{key}` |" in page for key in json.loads(schema.read_text()).get("properties", ())), schema


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A copy of the pages, beside all that they lead to."""
    root = tmp_path / "root"
    root.mkdir()
    for path in ROOT.iterdir():
        if path.name == "docs":
            shutil.copytree(path, root / path.name)
        elif path.name in (*PAGES, "mkdocs.yml"):
            shutil.copy(path, root)
        elif not path.name.startswith("."):
            (root / path.name).symlink_to(path)
    return root


def add(page: Path, text: str) -> None:
    page.write_text(f"{page.read_text() if page.exists() else ''}\n\n{text}\n")


def test_what_leads_nowhere_is_told_at_once(make_site: ModuleType, pages: Path, tmp_path: Path):
    add(pages / "docs/plan.md", "[gone](gone.md) ![gone](pictures/gone.png) `[no link](at-all.md)`")
    add(pages / "README.md", "[gone](pipelines/gone.yaml)\n\n```\n[no link](at-all.md)\n```")
    add(pages / "docs/new.md", "# New")
    (pages / "docs/scale.md").unlink()
    with pytest.raises(make_site.BuildError) as raised:
        make_site.assemble(tmp_path, pages)
    told = {line for line in str(raised.value).splitlines() if "scale.md, which is not there" not in line}
    assert told == {
        "docs/plan.md: a link to gone.md, which is not there",
        "docs/plan.md: no picture pictures/gone.png",
        "README.md: a link to pipelines/gone.yaml, which is not there",
        "mkdocs.yml: the navigation lacks new.md",
        "mkdocs.yml: the navigation names scale.md, which is not a page",
    }


def test_a_heading_that_is_not_there_ends_the_build(make_site: ModuleType, pages: Path, tmp_path: Path):
    add(pages / "docs/plan.md", "[heading](journal.md#no-such-heading)")
    done = make_site.build(tmp_path, pages)
    assert done.returncode != 0
    assert "no-such-heading" in re.sub(r"\x1b\[[\d;]*m", "", done.stdout + done.stderr)


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines")
    shutil.copytree(ROOT / "cards", tmp_path / "cards")
    monkeypatch.chdir(tmp_path)
    cells = json.loads((ROOT / "docs" / "notebook.ipynb").read_text("utf-8"))["cells"]
    names: dict[str, object] = {}
    for cell in cells:
        assert cell.get("outputs", []) == []
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)  # noqa: S102  # as a notebook's kernel does
    assert names["exported"].rows == len((tmp_path / "exported.jsonl").read_text().splitlines())  # type: ignore[attr-defined]


def test_troubleshooting_quotes_messages_that_exist():
    page = (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")
    sources = [path for path in (ROOT / "src").rglob("*") if path.suffix in (".py", ".yaml")]
    code = "\n".join(path.read_text("utf-8") for path in sources)
    headings = re.findall(r"^### `(.*)`$", page, re.MULTILINE)
    assert len(headings) >= 20
    missing = [h for h in headings if not all(part.strip() in code for part in h.split("…"))]
    assert missing == []
