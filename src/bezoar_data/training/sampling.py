"""What a model says while it is trained: its likeliest answers to a few prompts, after every so many steps.

Nothing is drawn at random, so that training goes on with the numbers it would have had, and the same stage says the
same again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bezoar_data.config.files.recipe import Samples
from bezoar_data.config.sanitize import printable
from bezoar_data.runs.conversations.turns import Turns
from bezoar_data.runs.stage_record import SAMPLES
from bezoar_data.training.data.examples import StageRows
from bezoar_data.training.data.rows import read_row
from bezoar_data.training.data.template import Template, Unusable
from bezoar_data.training.distributed import is_first
from bezoar_data.training.progress import Progress

_SHOWN = 200
"""Characters of a prompt or an answer in a stage's record."""


@dataclass(frozen=True, slots=True)
class Sampler:
    """The prompts of a stage, and when they are asked."""

    settings: Samples
    prompts: Sequence[Turns]

    def callback(self, stage: str, template: Template, work: Path, progress: Progress) -> Any:
        """A callback for a trainer that asks, and keeps the answers in `work`."""
        from transformers import TrainerCallback

        settings, prompts, file = self.settings, self.prompts, work / SAMPLES

        class Ask(TrainerCallback):
            def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
                known = [one for one in read_samples(work) if one["step"] <= state.global_step]
                file.write_text("".join(map(_line, known)), "utf-8")
                if not state.global_step:
                    self.ask(model, 0)

            def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
                if state.global_step % settings.every == 0 or state.global_step == state.max_steps:
                    self.ask(model, state.global_step)

            def ask(self, model: Any, step: int) -> None:
                if not is_first():
                    return
                said = answers(model, template, prompts, settings.max_tokens)
                with file.open("a", encoding="utf-8") as out:
                    for number, (prompt, answer) in enumerate(zip(prompts, said, strict=True)):
                        out.write(_line({"step": step, "prompt": number, "turns": prompt, "answer": answer}))
                        progress.say(f"{stage}: step {step}, sample {number}: {printable(answer, 200)}")

        return Ask()


def sampler(settings: Samples | None, rows: StageRows, template: Template) -> Sampler | None:
    """Of a stage's rows; None where the recipe wants no samples, or no row has a prompt."""
    if settings is None:
        return None
    prompts = [prompt for prompt, _ in zip(_prompts(rows, template), range(settings.prompts), strict=False)]
    return Sampler(settings, prompts) if prompts else None


def _prompts(rows: StageRows, template: Template) -> Iterator[Turns]:
    for row in (*rows.held_out, *rows.train):
        try:
            example = read_row(rows.view, row)
            template.encode(example.messages)
        except Unusable:
            continue
        yield example.prompt


def answers(model: Any, template: Template, prompts: Sequence[Turns], max_tokens: int) -> list[str]:
    """The likeliest answer to each, written one by one."""
    import torch

    tokenizer, training = template.tokenizer, model.training
    found = []
    model.eval()
    with torch.no_grad():
        for prompt in prompts:
            asked = tokenizer.apply_chat_template(
                list(prompt), chat_template=template.source, add_generation_prompt=True, tokenize=False
            )
            ids = tokenizer(asked, add_special_tokens=False, return_tensors="pt").to(model.device)
            said = model.generate(
                **{key: ids[key] for key in ("input_ids", "attention_mask")}, do_sample=False, num_beams=1,
                max_new_tokens=max_tokens, use_cache=True, eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id, temperature=None, top_p=None, top_k=None, repetition_penalty=1.0,
            )  # fmt: skip
            found.append(tokenizer.decode(said[0][ids["input_ids"].shape[1] :], skip_special_tokens=True))
    model.train(training)
    return found


def read_samples(folder: Path) -> list[dict[str, Any]]:
    """What was said so far: of each answer its step, the prompt's number and turns, and its text."""
    file = folder / SAMPLES
    if not file.is_file():
        return []
    return [json.loads(line) for line in file.read_text("utf-8").split("\n") if line.endswith("}")]


def before_and_after(folder: Path) -> list[dict[str, str]]:
    """Of each prompt what was said first and last, and the last turn before it; cut, as they are published."""
    samples = read_samples(folder)
    ends = [[one for one in samples if one["step"] == samples[at]["step"]] for at in (0, -1)] if samples else [[], []]
    return [
        {
            name: text[:_SHOWN]
            for name, text in (
                ("prompt", first["turns"][-1]["content"]),
                ("before", first["answer"]),
                ("after", last["answer"]),
            )
        }
        for first, last in zip(*ends, strict=True)
    ]


def _line(sample: Mapping[str, Any]) -> str:
    return json.dumps(sample, ensure_ascii=False) + "\n"
