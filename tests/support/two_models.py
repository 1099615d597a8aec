"""Two models' answers, and two people who say what they think of them in a real Argilla, wherever each stands."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path
from typing import Any

from support.projects import Project
from support.review_server import ReviewServer

FIRST, SECOND = "alpaca-sft", "beluga-dpo"
FOLDER = f"evaluated/people/{FIRST}-{SECOND}"
IMAGE = "<img src=x onerror='window.ran = true'>"
CODE = "#include <iostream>\nint main() { return 1 && 2 < 3; } // &lt;<script>parent.ran = true</script>"
PROMPTS = [f"Question {number}?" for number in range(8)]

# By model: is the first's answer acceptable, is the second's, how much better is the second's.
SAID = {
    "anna": [(0, 1, 2), (1, 1, 1), (1, 1, 0), (1, 0, -1), (0, 1, 1), (1, 1, 1), (0, 0, 0), (0, 1, 2)],
    "ben": [(0, 1, 2), (1, 1, 2), (1, 1, 1), (1, 0, -2), (0, 1, 1), (1, 1, 0), (0, 0, 0), (1, 1, -1)],
}
OPTIONS = {-2: "first_clearly", -1: "first_slightly", 0: "tie", 1: "second_slightly", 2: "second_clearly"}
_YES = ("no", "yes")


def two_models(folder: Path) -> Project:
    """Answers of two models to eight prompts, as `generate` leaves them."""
    project = Project(folder)
    (project.folder / "prompts.txt").write_text("\n".join(PROMPTS))
    texts = {FIRST: [f"{IMAGE} {n}" for n in range(8)], SECOND: [f"{n}: {CODE}" for n in range(8)]}
    for name, answers in texts.items():
        lines = [
            json.dumps({"prompt": prompt, "model": name, "answer": answer, "finish_reason": "stop", "tokens": 3})
            for prompt, answer in zip(PROMPTS, answers, strict=True)
        ]
        (project.folder / f"{name}.jsonl").write_text("\n".join(reversed(lines)))
    return project


def say(server: ReviewServer, project: Project, dataset: str) -> None:
    """Both people say what they think of each model's answer, wherever it stands."""
    pairs = {one["id"]: one for one in json.loads((project.folder / FOLDER / "pairs.json").read_text())["pairs"]}
    for identity, record in server.records(dataset).items():
        pair = pairs[identity]
        for person, said in SAID.items():
            first, second, level = said[PROMPTS.index(pair["prompt"])]
            if unescape(record["fields"]["first"]) == pair["second"]:
                first, second, level = second, first, -level
            values = {"first_acceptable": _YES[first], "second_acceptable": _YES[second], "preference": OPTIONS[level]}
            server.answer(person, record["id"], **values)


def people(server: ReviewServer, project: Project, *arguments: str) -> Any:
    done = project.bezoar("people", *arguments, env=server.env)
    assert done.code == 0, done.err
    return done.json if "--json" in arguments else done.out
