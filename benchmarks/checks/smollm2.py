"""SmolLM2-135M's answers to the shipped Orca questions, asked anew, beside those that were labelled by hand.

    python benchmarks/checks/smollm2.py [--rows 10]

Asks for each row of smollm2.jsonl again, one at a time, at temperature 0, at most 256 tokens (extra `local`; 98 MB
fetched once; three minutes on an idle core) and says how many answers are the labelled ones, which `measure.py` judges.
Several requests at once, or another machine, may round otherwise and bring other words.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import xllamacpp

from bezoar_data.llms.weights import fetched, weights_named

ROWS = Path(__file__).with_name("smollm2.jsonl")


def server() -> xllamacpp.Server:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(fetched(weights_named("smollm2-135m-instruct"), None))
    parameters.n_parallel, parameters.n_ctx, parameters.verbosity = 1, 2048, 0
    parameters.cpuparams.n_threads = 1
    return xllamacpp.Server(parameters)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, help="only the first ones")
    rows = [json.loads(line) for line in ROWS.read_text("utf-8").splitlines()][: parser.parse_args().rows]
    model, same = server(), 0
    for row in rows:
        system = [{"role": "system", "content": row["system_message"]}] if row["system_message"] else []
        messages = [*system, {"role": "user", "content": row["inputs"]}]
        body = model.handle_chat_completions({"messages": messages, "temperature": 0, "max_tokens": 256})
        answer = (json.loads(body) if isinstance(body, str) else body)["choices"][0]["message"]["content"]
        same += answer == row["answer"]
        print("." if answer == row["answer"] else "x", end="", flush=True)
    print(f"\n{same} of {len(rows)} answers are the labelled ones")


if __name__ == "__main__":
    main()
