"""Bespoke Curator's `LLM` over its `openai` or `litellm` backend, with limits so high that only its speed counts."""

from __future__ import annotations

from driver import MAX_TOKENS, MODEL, REQUEST_TIMEOUT, TEMPERATURE, Job, finish, local_token_table, read_job

NO_LIMIT = 1_000_000_000


def ask(job: Job) -> list[tuple[str, str | None]]:
    from bespokelabs import curator
    from datasets import Dataset

    class Explain(curator.LLM):
        def prompt(self, input: dict[str, str]) -> str:
            return input["prompt"]

        def parse(self, input: dict[str, str], response: str) -> dict[str, str]:
            return {"prompt": input["prompt"], "answer": response}

    backend = job.backend or "openai"
    model = Explain(
        model_name=f"openai/{MODEL}" if backend == "litellm" else MODEL,
        backend=backend,
        generation_params={"temperature": TEMPERATURE, "max_tokens": MAX_TOKENS},
        backend_params={
            "base_url": job.base_url,
            "api_key": "bench",
            "request_timeout": REQUEST_TIMEOUT,
            "max_concurrent_requests": job.concurrency,
            "max_requests_per_minute": 1_000_000,
            "max_tokens_per_minute": NO_LIMIT,
        },
    )
    # From a list in memory, so that the same rows give the same fingerprint and a second run finds the first one's.
    rows = Dataset.from_list([{"prompt": row} for row in job.rows])
    made = model(rows, working_dir=str(job.work / "curator"))
    return [(r["prompt"], r["answer"]) for r in made.dataset]


if __name__ == "__main__":
    job = read_job()
    local_token_table()
    finish(job, "bespokelabs-curator", ask(job))
