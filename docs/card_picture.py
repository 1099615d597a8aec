"""The picture of a card in the README: the first page of a run's card, as the Hub would show it, by Chromium.

    bezoar-data run pipelines/orca.yaml
    python docs/card_picture.py runs/orca

Needs `chromium`, and Pillow (extra `train`) to make the file small.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from markdown_it import MarkdownIt
from PIL import Image

TARGET = Path(__file__).parent / "pictures" / "card.png"
WIDTH, HEIGHT = 960, 738
STYLE = """
body { font: 15px/1.5 sans-serif; color: #1f2328; background: #fff; margin: 22px 34px; }
h1, h2 { border-bottom: 1px solid #d1d9e0; padding-bottom: 6px; margin: 14px 0 10px; } h1 { font-size: 25px; }
h2 { font-size: 19px; } code { background: #eff1f3; border-radius: 4px; padding: 2px 5px; font-size: 13px; }
pre { background: #f6f8fa; padding: 12px; border-radius: 6px; } pre code { background: none; padding: 0; }
blockquote { border-left: 4px solid #d1d9e0; margin: 0; padding: 0 14px; color: #59636e; }
"""


def page(card: str) -> str:
    """The card without its front matter, as HTML."""
    body = re.sub(r"\A---\n.*?\n---\n", "", card, flags=re.DOTALL)
    return f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{MarkdownIt().enable('table').render(body)}"


def main() -> None:
    run = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        html, picture = Path(name) / "card.html", Path(name) / "card.png"
        html.write_text(page((run / "dataset" / "README.md").read_text("utf-8")), "utf-8")
        browser = ["chromium", "--headless", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={name}/profile"]
        view = [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={picture}", html.as_uri()]
        subprocess.run([*browser, *view], check=True, capture_output=True)
        Image.open(picture).convert("RGB").quantize(64).save(TARGET, optimize=True)


if __name__ == "__main__":
    main()
