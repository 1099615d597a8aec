"""Data Designer's `create`: the rows as ordered seeds, one text column. `--batch` is its row-group size."""

from __future__ import annotations

from driver import MAX_TOKENS, MODEL, REQUEST_TIMEOUT, TEMPERATURE, Job, finish, local_token_table, read_job


def ask(job: Job) -> list[tuple[str, str | None]]:
    import data_designer.config as dd
    import pandas as pd
    from data_designer.config.models import ChatCompletionInferenceParams, ModelConfig, ModelProvider
    from data_designer.config.run_config import ResumeMode, RunConfig
    from data_designer.interface import DataDesigner

    seeds = job.work / "seeds.parquet"
    if not seeds.exists():
        pd.DataFrame({"prompt": job.rows}).to_parquet(seeds)
    designer = DataDesigner(
        artifact_path=job.work / "artifacts",
        model_providers=[ModelProvider(name="bench", endpoint=job.base_url, api_key="OPENAI_API_KEY")],
    )
    designer.set_run_config(
        RunConfig(
            buffer_size=job.batch,
            # As many row groups as hold all requests that may be open, or small groups would be what limits it.
            max_concurrent_row_groups=max(3, -(-2 * job.concurrency // job.batch)),
            max_in_flight_tasks=max(1024, 2 * job.concurrency),
            otel_metrics_port=None,
        )
    )
    sampling = ChatCompletionInferenceParams(
        temperature=TEMPERATURE,
        max_tokens=MAX_TOKENS,
        max_parallel_requests=job.concurrency,
        timeout=REQUEST_TIMEOUT,
    )
    model = ModelConfig(
        alias="teacher", model=MODEL, provider="bench", inference_parameters=sampling, skip_health_check=True
    )
    config = dd.DataDesignerConfigBuilder(model_configs=[model])
    config.with_seed_dataset(dd.LocalFileSeedSource(path=str(seeds)))
    config.add_column(dd.LLMTextColumnConfig(name="answer", prompt="{{ prompt }}", model_alias="teacher"))
    resume = ResumeMode.IF_POSSIBLE if job.resume else ResumeMode.NEVER
    made = designer.create(config, num_records=len(job.rows), dataset_name="bench", resume=resume)
    table = made.load_dataset()
    return list(zip(table["prompt"], table["answer"], strict=True))


if __name__ == "__main__":
    job = read_job()
    local_token_table()
    finish(job, "data-designer", ask(job))
