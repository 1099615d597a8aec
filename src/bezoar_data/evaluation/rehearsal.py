"""A task tried on answers that no model gave: what it cannot score is told before a model is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lm_eval.api.model import LM

from bezoar_data.config.errors import BezoarError, InputError
from bezoar_data.config.files.suite import LoadedSuite
from bezoar_data.config.problems import Problem
from bezoar_data.evaluation import harness

_WRITTEN, _CHOSEN = 100, 2
"""How many items are tried of a task, or of each task of a group, that scores texts, and of one that does not: rules
that need something of their own, such as IFEval's on sentences, are those of some items."""
_TEXT = "This is one sentence. This is another one."
_OF_NLTK = re.compile(r"nltk\.download\('([\w.-]+)'\)")


class _StandIn(LM):
    """Answers everything with the same text, and finds everything as likely."""

    @property
    def tokenizer_name(self) -> str:
        return "stand-in"

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        return "\n".join(str(message["content"]) for message in chat_history)

    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        return [(-1.0, False)] * len(requests)

    def loglikelihood_rolling(self, requests: Sequence[Any]) -> list[float]:
        return [-1.0] * len(requests)

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        return [_TEXT] * len(requests)


def rehearse(task: harness.Task, loaded: Any, suite: LoadedSuite, manager: Any) -> Mapping[str, Any]:
    """The harness's results for a few items, of answers that no model gave. Raises `InputError` where the task cannot
    score them."""
    parts = harness.parts_of(loaded)
    # Each text that is run as code takes a process of its own.
    written = any(part.OUTPUT_TYPE == "generate_until" and not part.config.unsafe_code for part in parts)
    items = min(task.asked.limit or _WRITTEN, _WRITTEN if written else _CHOSEN)
    few = replace(task, asked=task.asked.model_copy(update={"limit": items}))
    try:
        return harness.evaluate(_StandIn(), few, loaded, suite, manager)
    except BezoarError:
        raise
    except Exception as error:  # the task's own functions raise what they like
        message = f"the task '{task.name}' cannot score answers: "
        if named := _OF_NLTK.search(str(error)):
            message += f"it needs NLTK's '{named[1]}', which is not here"
            hint = f"fetch it: python -m nltk.downloader {named[1]}"
            raise InputError(Problem("missing-nltk-data", message, task.place, hint)) from error
        first = (str(error).strip() or "no message").split("\n")[0]
        hint = "nothing was asked. BEZOAR_DEBUG=1 shows where its function fails"
        raise InputError(
            Problem("task-failed", f"{message}{type(error).__name__}: {first}", task.place, hint)
        ) from error
