"""Templates of strangers: the same texts as transformers makes, and an end to whatever a template tries."""

from __future__ import annotations

import importlib.util
import os
import signal
from pathlib import Path
from typing import Any

import jinja2
import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.llms.providers.common.prompt_template import PromptTemplate
from bezoar_data.llms.retry_policy import Refusal
from bezoar_data.llms.templates import bounded
from bezoar_data.llms.templates.bounded import TemplateStopped, parsed, render
from bezoar_data.llms.templates.in_transformers import bound_templates
from bezoar_data.steps.lamini.prompts import SHIPPED, load_prompts

INSTALLED = importlib.util.find_spec("transformers") is not None
LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
TALK = [
    {"role": "user", "content": "hi <b>"},
    {"role": "assistant", "content": "hello"},
    {"role": "user", "content": "and?\n"},
]


def test_a_template_that_never_ends_is_ended_once() -> None:
    for _ in range(3):
        with pytest.raises(TemplateStopped, match="more than a second"):
            render(LOOPS, {})
    assert render("{{ 1 + 1 }}", {}).text == "2"


@pytest.mark.parametrize("source", ["{{ 2 ** (2 ** 40) }}", "{{ 'x' * 10 ** 10 }}", "{{ 'x'.rjust(10 ** 10) }}"])
def test_computing_in_one_breath_ends_too(source: str) -> None:
    """Where no signal's handler would run: Python computes in C. Neither parsing nor compiling does it here."""
    parsed(source)
    with pytest.raises((TemplateStopped, jinja2.TemplateError)):
        render(source, {})


def test_a_text_without_end_is_cut_off() -> None:
    with pytest.raises(jinja2.TemplateError, match="more than 16,777,216 characters"):
        render("{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}", {})


@pytest.mark.parametrize(
    "source", ["{{ ''.__class__.x }}", "{{ namespace(__class__=1) }}", "{{ lipsum.__globals__.os }}"]
)
def test_what_is_pythons_own_stays_out_of_reach(source: str) -> None:
    with pytest.raises(jinja2.exceptions.SecurityError):
        render(source, {})


def test_ctrl_c_ends_a_template_at_once() -> None:
    render("{{ 1 }}", {})

    # As Ctrl-C, from the kernel: a thread that presses it may not get its turn before the template's second is over.
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(KeyboardInterrupt):
            render(LOOPS + "{# another #}", {})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert render("{{ 'still' }}", {}).text == "still"


def test_a_forked_process_has_a_sandbox_of_its_own() -> None:
    render("{{ 1 }}", {})
    child = os.fork()
    if child == 0:
        os._exit(0 if render("{{ 2 }}", {}).text == "2" else 1)
    assert render("{{ 3 }}", {}).text == "3"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_row_is_lost_to_a_bad_template_and_no_more() -> None:
    template = PromptTemplate(
        "{% if messages[0].content == 'more' %}{{ messages[0].content * 10 ** 7 }}{% endif %}{{ messages[0].content }}"
    )
    assert template.render([{"role": "user", "content": "hi"}]) == "hi"
    with pytest.raises(Refusal, match="does not take these messages"):
        template.render([{"role": "user", "content": "more"}])
    with pytest.raises(ValueError, match="expected token"):
        PromptTemplate("{{ a b }}")


def test_a_prompt_in_a_file_is_a_template_too(tmp_path: Path) -> None:
    shipped, file = SHIPPED.read_text("utf-8"), tmp_path / "prompts.yaml"
    before = "example_guided: |-\n"
    file.write_text(shipped.replace(before, f"{before}    {LOOPS}\n", 1))
    with pytest.raises(InputError, match="cannot be filled in: the template was stopped"):
        load_prompts(str(file))
    file.write_text(shipped.replace(before, f"{before}    Well, then:\n", 1))
    own, theirs = load_prompts(None), load_prompts(str(file))
    asked = own.ask_for_instructions(["one", "two"], [], 3)
    assert theirs.ask_for_instructions(["one", "two"], [], 3) == f"Well, then:\n{asked}"


def test_nothing_of_our_environment_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "planted-key-0123456789")
    child = bounded._started()
    with child:
        assert child.stdin is not None
        assert b"planted-key" not in Path(f"/proc/{child.pid}/environ").read_bytes()
        child.stdin.close()


@pytest.mark.skipif(not INSTALLED, reason="transformers (extra 'train') is not installed")
def test_transformers_makes_the_same_texts_in_bounds() -> None:
    from transformers.utils import chat_template_utils

    from support.families import FAMILIES

    marked = (
        "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
        "{% endgeneration %}{% else %}{{ m | tojson }}{% endif %}\n{% endfor %}"
    )
    tokenizers = [family.make() for family in FAMILIES]
    templates = [(t, t.chat_template) for t in tokenizers if t.chat_template] + [(tokenizers[0], marked)]

    def texts() -> list[Any]:
        made = []
        for tokenizer, template in templates:
            how = {"chat_template": template, "add_generation_prompt": True}
            made.append(tokenizer.apply_chat_template(TALK, tokenize=False, **how))
        how = {"chat_template": marked, "return_dict": True, "return_assistant_tokens_mask": True}
        made.append(tokenizers[0].apply_chat_template(TALK, **how)["assistant_masks"])
        return made

    plain = chat_template_utils._cached_compile_jinja_template
    before, chat_template_utils._compile_jinja_template = chat_template_utils._compile_jinja_template, plain
    try:
        theirs = texts()
    finally:
        chat_template_utils._compile_jinja_template = before
    bound_templates()
    assert texts() == theirs
    assert any(theirs[-1])
    with pytest.raises(TemplateStopped):
        tokenizers[0].apply_chat_template(TALK, chat_template=LOOPS, tokenize=False)
