"""distilabel's own `Pipeline`: rows from dictionaries, one `TextGeneration` over `OpenAILLM`.

`--concurrency` is the task's batch size, which is how many requests distilabel has open; `--batch` is the generator's.
"""

from __future__ import annotations

import logging

from driver import MAX_TOKENS, MODEL, REQUEST_TIMEOUT, TEMPERATURE, finish, read_job


def main() -> None:
    job = read_job()
    # distilabel silences httpx's line for each request, but not that of httpx2, which its client now uses.
    for name in ("httpx", "httpx2", "openai"):
        logging.getLogger(name).setLevel(logging.WARNING)

    from distilabel.models import OpenAILLM
    from distilabel.pipeline import Pipeline
    from distilabel.steps import LoadDataFromDicts
    from distilabel.steps.tasks import TextGeneration

    with Pipeline(name="bench", cache_dir=job.work / "distilabel") as pipeline:
        load = LoadDataFromDicts(data=[{"instruction": row} for row in job.rows], batch_size=job.batch)
        generate = TextGeneration(
            llm=OpenAILLM(
                model=MODEL,
                base_url=job.base_url,
                api_key="bench",
                timeout=REQUEST_TIMEOUT,
                generation_kwargs={"temperature": TEMPERATURE, "max_new_tokens": MAX_TOKENS},
            ),
            input_batch_size=job.concurrency,
            add_raw_input=False,
            add_raw_output=False,
        )
        load >> generate
    made = pipeline.run(use_cache=job.resume)
    table = made["default"]["train"].select_columns(["instruction", "generation"])
    finish(job, "distilabel", ((r["instruction"], r["generation"]) for r in table))


if __name__ == "__main__":
    main()
