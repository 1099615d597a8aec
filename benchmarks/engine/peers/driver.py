"""What the peers' drivers share: their arguments, the rows they read, the answers and the one JSON line they leave.

Each driver runs in its peer's own environment, so this module needs nothing but the standard library.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

MODEL = "bench"
TEMPERATURE = 0.0
MAX_TOKENS = 256
REQUEST_TIMEOUT = 60


@dataclass(frozen=True)
class Job:
    """One run of a peer. `concurrency` and `batch` are the peer's own settings; what a peer has not is ignored."""

    base_url: str
    rows: list[str]
    output: Path
    work: Path
    concurrency: int
    batch: int
    backend: str
    resume: bool


def read_job() -> Job:
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--input", type=Path, required=True, help="JSON lines with `prompt`")
    parser.add_argument("--output", type=Path, required=True, help="JSON lines with `prompt` and `answer`")
    parser.add_argument("--work", type=Path, required=True, help="folder for caches; kept when a run goes on")
    parser.add_argument("--concurrency", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--backend", default="")
    parser.add_argument(
        "--resume", action="store_true", help="keep what is needed to go on, and go on if there is some"
    )
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    with args.input.open(encoding="utf-8") as file:
        rows = [json.loads(line)["prompt"] for line in file]
    return Job(args.base_url, rows, args.output, args.work, args.concurrency, args.batch, args.backend, args.resume)


def finish(job: Job, package: str, answers: Iterable[tuple[str, str | None]]) -> None:
    """Write the answers where the benchmark checks them, and say on standard output that the run is done."""
    count = 0
    with job.output.open("w", encoding="utf-8") as file:
        for prompt, answer in answers:
            file.write(json.dumps({"prompt": prompt, "answer": answer}) + "\n")
            count += answer is not None
    print(json.dumps({"package": package, "version": version(package), "answered": count}))
    sys.stdout.flush()


def local_token_table() -> None:
    """Curator and Data Designer count tokens with a table that tiktoken downloads. The benchmark runs without internet,
    where the one dies and the other retries for a while, so a table of the 256 single bytes stands in its place: it
    gives larger counts (which no limit here looks at) in less time."""
    import tiktoken

    bytes_only = tiktoken.Encoding(
        name="bytes",
        pat_str=r"[^ ]+| +",
        mergeable_ranks={bytes([i]): i for i in range(256)},
        special_tokens={},
    )
    tiktoken.get_encoding = lambda name: bytes_only
    tiktoken.encoding_for_model = lambda name: bytes_only
