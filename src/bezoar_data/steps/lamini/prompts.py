"""What the LaMini steps say to the teacher: a data file, so that a person can ask in other words."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Annotated, Literal

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import Field

from bezoar_data.config.base import Strict
from bezoar_data.config.problems import Problem
from bezoar_data.config.validation import load_checked
from bezoar_data.config.yaml.document import Document, YamlPath

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
        template = self._topic_guided if topics else self._example_guided
        return template.render(examples=list(examples), topics=list(topics), count=count, structured=structured)

    @cached_property
    def _example_guided(self) -> Template:
        return _template(self.generate.example_guided)

    @cached_property
    def _topic_guided(self) -> Template:
        return _template(self.generate.topic_guided)


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
        said = _template(text).render(
            examples=["(an example)"], count=20, structured=False, **({"topics": ["(a topic)"]} if topics else {})
        )
    except TemplateError as error:
        return [document.problem("bad-template", f"the template cannot be filled in: {error.message}", path)]
    if "(an example)" not in said or (topics and "(a topic)" not in said):
        missing = "examples" if "(an example)" not in said else "topics"
        return [document.problem("bad-template", f"the template leaves out its {missing}", path)]
    if "<example>" not in said:
        hint = "ask for each instruction between <example> and </example>"
        return [document.problem("bad-template", "the template does not ask for <example> tags", path, hint=hint)]
    return []


def _template(text: str) -> Template:
    # Not escaped: this becomes a prompt, not a page.
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
    environment.filters["tojson"] = partial(json.dumps, ensure_ascii=False)  # Jinja's own is for HTML
    return environment.from_string(text)
