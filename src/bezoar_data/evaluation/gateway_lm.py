"""A model behind our gateway as one of the LM Evaluation Harness's: journal, limits, budget and resume are a run's.

It is given conversations, and whoever serves it applies its chat template, as with the harness's own models of APIs.
It has no likelihoods to give: no endpoint tells those of a prompt's tokens in a way that holds for all of them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval.api.model import LM
from lm_eval.models.api_models import JsonChatStr
from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text

from bezoar_data.config.errors import InputError, ProviderAway
from bezoar_data.config.files.models import Model, Sampling
from bezoar_data.config.problems import Place, Problem
from bezoar_data.llms.ask import Answer, Ask, Refused
from bezoar_data.llms.gateway.asking import OpenModels

MAX_TOKENS = 256
"""The longest answer where a task says nothing, as the harness has it."""
_MOST_STOPS = 4
"""As many texts to stop at as OpenAI takes. An answer is cut at all of them afterwards."""
LEAVE_OUT = "leave it out: --task names the tasks to take"
_VALUES = ("temperature", "top_p", "top_k", "repetition_penalty")
_NEUTRAL: Mapping[str, Any] = {"num_beams": 1, "num_return_sequences": 1, "use_cache": True, "do_sample": None}
"""Settings that change nothing of one answer where they have this value; None: any."""


@dataclass(frozen=True, slots=True)
class Question:
    """Equal requests of the harness, which are samples of one question: where the harness wants several."""

    task: str
    ask: Ask
    sampling: Mapping[str, Any]
    until: tuple[str, ...]
    places: tuple[int, ...]
    """Their places among the requests."""


class GatewayLM(LM):
    """The model of a role. `refused` counts the questions that got no answer, for good, by reason: their answers are
    empty, so that tasks score them as wrong."""

    def __init__(self, models: OpenModels, role: str) -> None:
        super().__init__()
        self._models, self._role = models, role
        self.refused: Counter[str] = Counter()

    @property
    def tokenizer_name(self) -> str:
        return self._role

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> JsonChatStr:
        return JsonChatStr(json.dumps(chat_history, ensure_ascii=False))

    def loglikelihood(self, requests: list[Any]) -> list[tuple[float, bool]]:
        raise InputError(Problem("no-likelihood", "a model behind the gateway gives no likelihoods", hint=LEAVE_OUT))

    def loglikelihood_rolling(self, requests: list[Any]) -> list[float]:
        raise InputError(Problem("no-likelihood", "a model behind the gateway gives no likelihoods", hint=LEAVE_OUT))

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        """A text for each request, up to the first of the texts it is to stop at.

        Raises `ProviderAway` where some got no answer for a reason that may pass; what was answered is kept.
        """
        found = [""] * len(requests)
        away: Counter[str] = Counter()
        for questions in _alike(questions_of(requests)):
            first = questions[0]
            asks = [question.ask for question in questions]
            answers = self._models.ask(self._role, asks, step=f"evaluate {first.task}", sampling=first.sampling)
            for question, answer in zip(questions, answers, strict=True):
                if isinstance(answer, Refused) and not answer.lasting:
                    away[f"{answer.reason}: {answer.detail}"] += 1
                for place, text in zip(question.places, self._texts(answer, question), strict=True):
                    found[place] = text
        if away:
            why, _ = away.most_common(1)[0]
            raise ProviderAway(
                f"{away.total():,} questions got no answer, for now ({why}). Answers so far are kept: run the "
                "same command again to continue"
            )
        return found

    def _texts(self, answer: Answer | Refused, question: Question) -> list[str]:
        if isinstance(answer, Refused):
            self.refused[answer.reason] += len(question.places)
            return [""] * len(question.places)
        self.refused.update(sample.refusal for sample in answer.samples if sample.refusal)
        until = list(question.until)
        return [str(postprocess_generated_text(sample.text, until, None)) for sample in answer.samples]


class Planning(Exception):
    """Not an error: the questions that an evaluation would ask, raised before the first of them is."""

    def __init__(self, questions: Sequence[Question]) -> None:
        super().__init__(f"{len(questions)} questions")
        self.questions = questions


class PlanningLM(GatewayLM):
    """Asks nothing: raises `Planning` with the questions."""

    def __init__(self) -> None:
        LM.__init__(self)
        self._role = ""

    def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
        raise Planning(questions_of(requests))


def with_sampling(model: Model, question: Question) -> Model:
    """The model as it is asked this question."""
    return model.model_copy(update={"sampling": Sampling.model_validate(question.sampling)})


def questions_of(requests: Sequence[Any]) -> list[Question]:
    """What the harness's requests ask. One that it wants several samples of stands there so often, as the same
    object."""
    places: dict[int, list[int]] = {}
    for place, request in enumerate(requests):
        places.setdefault(id(request), []).append(place)
    made = []
    for same in places.values():
        request = requests[same[0]]
        context, settings = request.args[:2]
        sampling, until = sampling_of(settings)
        ask = Ask(_messages(context), n=len(same))
        made.append(Question(str(request.task_name), ask, sampling, until, tuple(same)))
    return made


def sampling_of(settings: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """A task's settings of generation as sampling values, and all texts to stop at."""
    normal = normalize_gen_kwargs(dict(settings), MAX_TOKENS)
    until = tuple(str(text) for text in normal.get("until", ()) if text)
    given = {name: normal[name] for name in _VALUES if normal.get(name) is not None}
    if normal.get("do_sample") is True:
        given.setdefault("temperature", 1.0)
    if not given.get("temperature"):
        given = {"temperature": 0.0}
    return {**given, "max_tokens": int(normal["max_gen_toks"]), "stop": until[:_MOST_STOPS]}, until


def problems_of(task: Any, place: Place) -> Iterator[Problem]:
    """Why one of the harness's tasks cannot be asked of a model behind the gateway."""
    name = task.config.task
    if task.OUTPUT_TYPE != "generate_until":
        message = f"'{name}' scores likelihoods, and a model behind an address or in llama.cpp gives texts only"
        yield Problem("no-likelihood", message, place, LEAVE_OUT)
        return
    if task.config.gen_prefix:
        message = f"'{name}' begins the model's answer itself (gen_prefix), and not every server goes on with it"
        yield Problem("begun-answer", message, place, LEAVE_OUT)
    settings = normalize_gen_kwargs(dict(task.config.generation_kwargs or {}), MAX_TOKENS)
    for key, value in settings.items():
        known = key in (*_VALUES, "until", "max_gen_toks") or (key in _NEUTRAL and _NEUTRAL[key] in (None, value))
        if not known:
            message = f"'{name}' generates with {key}: {value}, which a model behind the gateway does not take"
            yield Problem("unknown-generation", message, place, "say 'generation:' otherwise, or leave the task out")


def _messages(context: Any) -> list[dict[str, str]]:
    if isinstance(context, JsonChatStr):
        messages: list[dict[str, str]] = json.loads(context.prompt)
        return messages
    return [{"role": "user", "content": str(context)}]


def _alike(questions: Sequence[Question]) -> Iterator[list[Question]]:
    """Questions of one task that are asked with the same values, in the order in which they came."""
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(json.dumps([question.task, question.sampling], sort_keys=True), []).append(question)
    yield from groups.values()
