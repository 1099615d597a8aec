"""Eight tasks of the LM Evaluation Harness over small files, as task files that its own command line reads too."""

from __future__ import annotations

import json
import random
from pathlib import Path

WORDS = ("fox", "dog", "river", "bridge", "quick", "lazy", "brown", "old")
HEAD = """\
task: {name}
output_type: {output}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {file}}}}}
test_split: test
doc_to_text: "{text}"
metadata: {{version: 1.0}}
"""
CHOICE = """\
doc_to_choice: "{{choices}}"
doc_to_target: "{{answer}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}
"""
GENERATION = """\
doc_to_target: "{{choices[answer]}}"
generation_kwargs: {until: ["\\n"], do_sample: false, max_gen_toks: 8}
metric_list:
  - {metric: exact_match, aggregation: mean, higher_is_better: true, ignore_case: true}
filter_list:
  - {name: word, filter: [{function: regex, regex_pattern: "([a-z]+)"}, {function: take_first}]}
  - {name: all, filter: [{function: take_first}]}
"""
LIKELIHOOD = """\
doc_to_target: " {{choices[answer]}}"
metric_list:
  - {metric: perplexity, aggregation: perplexity, higher_is_better: false}
  - {metric: acc, aggregation: mean, higher_is_better: true}
"""
OUTPUTS = {CHOICE: "multiple_choice", GENERATION: "generate_until", LIKELIHOOD: "loglikelihood"}
TASKS = {
    "plain": (CHOICE, "The {{a}} and the"),
    "question": (CHOICE, "Question: what follows {{a}}?\\nAnswer:"),
    "shots": (CHOICE, "{{a}} {{b}} is followed by"),
    "bare": (CHOICE, "{{a}}"),
    "long": (CHOICE, "The {{a}} went over the {{b}} and the {{a}} went under the {{b}} and then came the"),
    "say": (GENERATION, "The {{a}} and the"),
    "name": (GENERATION, "Name what follows {{b}}:"),
    "likely": (LIKELIHOOD, "The {{a}} and the"),
}


def write_tasks(folder: Path, items: int = 20) -> Path:
    """The folder, with task files and their data."""
    folder.mkdir(parents=True)
    drawn = random.Random(7)
    rows = []
    for i in range(items):
        choices = drawn.sample(WORDS, 4)
        a, b = drawn.sample(WORDS, 2)
        rows.append({"a": a, "b": b, "choices": choices, "answer": drawn.randrange(4), "passage": i // 4, "id": i})
    file = folder / "items.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name, (kind, text) in TASKS.items():
        shots = "num_fewshot: 2\nfewshot_split: test\n" if name == "shots" else ""
        head = HEAD.format(name=name, output=OUTPUTS[kind], file=file, text=text)
        (folder / f"{name}.yaml").write_text(head + shots + kind)
    return folder


def write_suite(path: Path, tasks: Path, **more: object) -> Path:
    """A suite of all of them."""
    listed = [{"task": str(tasks / f"{name}.yaml"), "facet": "words"} for name in TASKS]
    path.write_text(json.dumps({"name": "words", "version": 1, "tasks": listed, **more}))
    return path
