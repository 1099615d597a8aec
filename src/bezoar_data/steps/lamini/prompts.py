"""What the LaMini steps say to the teacher: a data file, so that a person can ask in other words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from jinja2 import Template, TemplateError
from pydantic import Field

from bezoar_data.config.base import Strict
from bezoar_data.config.errors import InputError
from bezoar_data.config.problems import Problem
from bezoar_data.config.validation import load_checked
from bezoar_data.config.yaml.document import Document, YamlPath, parse_yaml
from bezoar_data.llms.templates.bounded import render
from bezoar_data.llms.templates.child import environment

SHIPPED = Path(__file__).parent.parent / "text" / "lamini_prompts.yaml"

_Text = Annotated[str, Field(min_length=1)]


class _Generate(Strict):
    example_guided: _Text
    topic_guided: _Text


class _Respond(Strict):
    system: str


class PromptsFile(Strict):
    """The texts of a prompts file. `example_guided` and `topic_guided` are templates, see the shipped file."""

    version: Literal[1]
    generate: _Generate
    respond: _Respond

    def ask_for_instructions(
        self, examples: Sequence[str], topics: Sequence[str], count: int, *, structured: bool = False
    ) -> str:
        """The request for `count` new instructions: topic-guided if there are topics. `structured`: as JSON."""
        text = self.generate.topic_guided if topics else self.generate.example_guided
        return _filled(text, examples=list(examples), topics=list(topics), count=count, structured=structured)


def load_prompts(file: str | None) -> PromptsFile:
    """A person's prompts file, or the shipped one. Raises `InputError` with every mistake in it."""
    return load_checked(Path(file) if file else SHIPPED, PromptsFile, _problems)


def _problems(prompts: PromptsFile, document: Document) -> list[Problem]:
    texts = prompts.generate
    return [
        *_template_problems(document, ("generate", "example_guided"), texts.example_guided, False),
        *_template_problems(document, ("generate", "topic_guided"), texts.topic_guided, True),
    ]


def _template_problems(document: Document, path: YamlPath, text: str, topics: bool) -> list[Problem]:
    """What is wrong with a template: tried out on a request, since only then all of it is read."""
    try:
        said = _filled(
            text, examples=["(an example)"], count=20, structured=False, **({"topics": ["(a topic)"]} if topics else {})
        )
    except (TemplateError, InputError) as error:
        return [document.problem("bad-template", f"the template cannot be filled in: {error}", path)]
    if "(an example)" not in said or (topics and "(a topic)" not in said):
        missing = "examples" if "(an example)" not in said else "topics"
        return [document.problem("bad-template", f"the template leaves out its {missing}", path)]
    if "<example>" not in said:
        hint = "ask for each instruction between <example> and </example>"
        return [document.problem("bad-template", "the template does not ask for <example> tags", path, hint=hint)]
    return []


def _filled(text: str, **values: Any) -> str:
    """A template with these values. One of a person's file may be a stranger's, and is rendered in bounds."""
    own = _shipped().get(text)
    return own.render(values) if own is not None else render(text, values, "prompt").text


@cache
def _shipped() -> Mapping[str, Template]:
    texts = parse_yaml(SHIPPED.read_text("utf-8"), str(SHIPPED)).value["generate"].values()
    made = environment("prompt")
    return {text: made.from_string(text) for text in texts}
