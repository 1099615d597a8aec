"""The bound: an aiohttp client that asks every question and does nothing else. No journal, no order, no retries."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
from driver import MAX_TOKENS, MODEL, TEMPERATURE, Job, finish, read_job


async def ask_all(job: Job) -> list[tuple[str, str | None]]:
    answers: list[tuple[str, str | None]] = []
    waiting: Iterator[str] = iter(job.rows)
    url = f"{job.base_url}/chat/completions"
    headers = {"Authorization": "Bearer bench"}

    async def worker(session: aiohttp.ClientSession) -> None:
        for prompt in waiting:
            body = {
                "model": MODEL,
                "messages": [{"role": "user", "content": prompt}],
                "temperature": TEMPERATURE,
                "max_tokens": MAX_TOKENS,
            }
            async with session.post(url, json=body, headers=headers) as response:
                value = await response.json()
            answers.append((prompt, value["choices"][0]["message"]["content"]))

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(worker(session) for _ in range(job.concurrency)))
    return answers


if __name__ == "__main__":
    job = read_job()
    finish(job, "aiohttp", asyncio.run(ask_all(job)))
