"""`bezoar-data chat` and `generate`: talk to a stage, or any model that lies here; answer a file of prompts."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from bezoar_data.api.talking import Chat, chats
from bezoar_data.api.talking import generate as answered
from bezoar_data.cli.options import Trained
from bezoar_data.config.paths import relative_to_cwd
from bezoar_data.config.sanitize import clean_text
from bezoar_data.config.words import many
from bezoar_data.training.generation.asking import MAX_TOKENS, Answer, Decoding, Model

ModelOrStage = Annotated[
    str,
    typer.Argument(
        help="A stage's folder, RECIPE or RECIPE:STAGE, a model's folder, a GGUF, OWNER/NAME of the Hub.",
        metavar="MODEL_OR_STAGE",
    ),
]
Compare = Annotated[
    list[str] | None,
    typer.Option(help="Another model that answers too: base, another stage's name, or any. May be repeated."),
]
Temperature = Annotated[
    float | None,
    typer.Option(min=0, max=2, help="0: the likeliest words. Default: the model's own generation settings, else 0."),
]
MaxTokens = Annotated[int, typer.Option(min=1, help="The longest answer.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same words.")]
System = Annotated[str | None, typer.Option(help="A system message before each conversation.")]

CHAT = """
Each line you type is a turn; /reset starts over, /exit or Ctrl-D ends; Ctrl-C ends an answer. The model is asked with
the tokenizer, the template and the end of a turn that it was trained with; an adapter lies on its base, unmerged.

Examples:

  bezoar-data chat recipes/tiny.yaml             # the last finished stage

  bezoar-data chat recipes/tiny.yaml:orca --compare base --compare dpo-merged

  echo "Why is the sky blue?" | bezoar-data chat smollm2-135m-instruct --json

Exit codes: 0 done; 2 the input is wrong; 130 interrupted.
"""

GENERATE = """
FILE holds a prompt a line, or JSON Lines with `prompt` or `messages`. Each answer is its line's values with `model`,
`answer`, `finish_reason` and `tokens`; with --compare the answers to a prompt follow each other. With --out the file is
there when it is whole; the same command goes on after an interruption. The same seed and batch size give the same
bytes.

Examples:

  bezoar-data generate recipes/tiny.yaml:orca --prompts prompts.txt --out answers.jsonl

  bezoar-data generate recipes/tiny.yaml:orca --compare base --prompts prompts.txt

Exit codes: 0 done; 2 the input is wrong; 130 interrupted.
"""


def chat(
    model: ModelOrStage,
    compare: Compare = None,
    temperature: Temperature = None,
    max_tokens: MaxTokens = MAX_TOKENS,
    seed: Seed = 0,
    system: System = None,
    trained: Trained = Path("trained"),
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object for each turn on standard output.")] = False,
) -> None:
    """Talk to a trained stage, its base, or any model on this machine."""
    decoding = Decoding(temperature, max_tokens, seed)
    talks = chats(model, compare or (), decoding, system=system, trained=trained, quiet=as_json)
    if not as_json:
        for talk in talks:
            _tell(f"{talk.name}: {_words(talk.model)}")
    for line in _typed():
        if line in ("/exit", "/quit"):
            return
        if line == "/reset":
            for talk in talks:
                talk.reset()
            _tell("a new conversation")
            continue
        if line.startswith("/"):
            _tell("commands are /reset and /exit")
            continue
        found = {talk.name: _said(talk, line, shown=not as_json, alone=len(talks) == 1) for talk in talks}
        if as_json:
            value = {name: {"text": a.text, "finish_reason": a.finish_reason} for name, a in found.items()}
            typer.echo(json.dumps({"prompt": line, "answers": value}, ensure_ascii=False))


def generate(
    model: ModelOrStage,
    prompts: Annotated[Path, typer.Option(help="The file of prompts: .txt or .jsonl.", metavar="FILE")],
    compare: Compare = None,
    out: Annotated[Path | None, typer.Option(help="The file of answers. Default: standard output.")] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Prompts that are answered at once.")] = 8,
    temperature: Temperature = None,
    max_tokens: MaxTokens = MAX_TOKENS,
    seed: Seed = 0,
    system: System = None,
    trained: Trained = Path("trained"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end, with --out.")] = False,
) -> None:
    """Answer a file of prompts with a trained stage or any model here, into JSON Lines."""
    found = answered(
        model,
        prompts,
        compare=compare or (),
        out=out,
        batch_size=batch_size,
        temperature=temperature,
        max_tokens=max_tokens,
        seed=seed,
        system=system,
        trained=trained,
        quiet=as_json,
        say=(lambda text: None) if as_json else _tell,
        wrote=lambda lines: typer.echo("\n".join(lines)),
    )
    if as_json and out is not None:
        names = list(dict.fromkeys(line["model"] for line in found))
        value = {"ok": True, "exit_code": 0, "models": names, "answers": len(found), "out": str(out)}
        typer.echo(json.dumps(value, ensure_ascii=False))
    elif out is not None:
        typer.echo(f"{many(len(found), 'answer')}: {relative_to_cwd(out)}")


chat.__doc__ = f"{chat.__doc__}\n{CHAT}"
generate.__doc__ = f"{generate.__doc__}\n{GENERATE}"


def _said(talk: Chat, text: str, *, shown: bool, alone: bool) -> Answer:
    """The answer; words are shown as they come."""
    if shown and not alone:
        typer.echo(f"[{clean_text(talk.name, one_line=True)}]")
    pieces = _Pieces(shown)
    with _ctrl_c() as stopped:

        def wrote(so_far: str) -> bool:
            pieces.show(so_far)
            return not stopped.is_set()

        answer = talk.say(text, wrote)
    if answer.finish_reason == "refused":
        _tell(f"no answer: {answer.text}; /reset starts over")
    else:
        pieces.show(answer.text, last=True)
    return answer


class _Pieces:
    """Shows a growing text."""

    def __init__(self, shown: bool) -> None:
        self._shown, self._told = shown, 0

    def show(self, text: str, *, last: bool = False) -> None:
        # A character whose bytes are not all there yet is shown with the next token.
        ready = text if last else text.rstrip("\N{REPLACEMENT CHARACTER}")
        if self._shown and (len(ready) > self._told or last):
            typer.echo(clean_text(ready[self._told :]), nl=last)
            sys.stdout.flush()
        self._told = max(self._told, len(ready))


def _typed() -> Iterator[str]:
    """The lines of a person or a pipe, without empty ones."""
    person = sys.stdin.isatty()
    if person:
        import readline  # noqa: F401, PLC0415 (lines can be edited and called back)
    while True:
        try:
            line = input("> ") if person else sys.stdin.readline()
        except EOFError:
            line = ""
            typer.echo()
            return
        if not line and not person:
            return
        if line.strip():
            yield line.strip()


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """While a model answers, Ctrl-C ends the answer and not the command."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = signal.signal(signal.SIGINT, lambda *_: stopped.set())
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)


def _words(model: Model) -> str:
    """How it chooses its words."""
    values = model.sampling.model_dump(exclude_none=True, exclude={"stop"})
    return ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in values.items())


def _tell(text: str) -> None:
    typer.echo(clean_text(text), err=True)
