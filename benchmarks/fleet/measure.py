"""Several endpoints of one model, one of them ten times slower and one that dies and comes back: how much of the
throughput that they had to give is used, and whether a row is lost.

    python benchmarks/fleet/measure.py [--rows 16000] [--latency 0.5] [--concurrency 16]

Ideal is what the endpoints give while they are up, from the first request to the last answer: each was measured just
before, asked by a gateway of its own, all four at the same time. Servers are processes of their own
(`tests/support/fault_server.py`); the outage is a killed process whose port stays. Prints a line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from bezoar_data.config.files.models import Model
from bezoar_data.llms.ask import Ask
from bezoar_data.llms.gateway import Gateway
from bezoar_data.llms.journal import Journal
from support.fault_server import FaultServer


def model_at(servers: list[FaultServer], concurrency: int) -> Model:
    urls = [server.url for server in servers]
    limits = {"concurrency": concurrency}
    return Model.model_validate({"provider": "openai", "model": "m", "endpoints": urls, "limits": limits})


async def alone(server: FaultServer, concurrency: int, seconds: float, folder: Path) -> float:
    """Answers a second of one endpoint that is asked as hard as its limit allows."""
    journal = Journal.open(folder / f"{server.port}.sqlite")
    async with Gateway({"teacher": model_at([server], concurrency)}, journal) as gateway:
        began = time.monotonic()

        async def one_after_the_other(worker: int) -> None:
            number = 0
            while time.monotonic() - began < seconds:
                text = f"before {server.port} {worker} {number}"
                await gateway.ask("teacher", Ask([{"role": "user", "content": text}]), step="s")
                number += 1

        await asyncio.gather(*(one_after_the_other(worker) for worker in range(concurrency)))
        rate = gateway.usage.total.answered / (time.monotonic() - began)
    journal.close()
    return rate


async def measure(rows: int, latency: float, concurrency: int, down: float) -> dict[str, object]:
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        latencies = [latency, latency, latency, 10 * latency]
        servers = [stack.enter_context(FaultServer(latency=seconds)) for seconds in latencies]
        journal = Journal.open(Path(folder) / "journal.sqlite")
        rates = await asyncio.gather(*(alone(s, concurrency, 40 * latency, Path(folder)) for s in servers))
        for server, seconds in zip(servers, latencies, strict=True):
            server.set(latency=seconds)
        model = model_at(servers, concurrency)
        numbers = iter(range(rows))
        outage = 0.0
        async with Gateway({"teacher": model}, journal) as gateway:
            began = time.monotonic()

            async def one_after_the_other() -> None:
                for number in numbers:
                    await gateway.ask("teacher", Ask([{"role": "user", "content": f"question {number}"}]), step="s")

            async def outage_of_one() -> float:
                while gateway.usage.total.answered < rows / 4:
                    await asyncio.sleep(0.05)
                died = time.monotonic()
                await asyncio.to_thread(servers[1].stop)
                await asyncio.sleep(down)
                await asyncio.to_thread(servers[1].start)
                return time.monotonic() - died

            dies = asyncio.create_task(outage_of_one())
            await asyncio.gather(*(one_after_the_other() for _ in range(128 + 2 * model.in_flight)))
            took = time.monotonic() - began
            outage = await dies
            usage = gateway.usage.total
        journal.close()
        could = sum(rate * took for rate in rates) - rates[1] * outage
        return {
            "rows": rows,
            "seconds": round(took, 1),
            "outage_seconds": round(outage, 1),
            "answered": usage.answered,
            "lost": rows - usage.answered,
            "answers_by_endpoint": [server.stats()["statuses"].get("200", 0) for server in servers],
            "alone_per_second": [round(rate, 2) for rate in rates],
            "of_ideal": round(usage.answered / could, 4),
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=16_000)
    parser.add_argument("--latency", type=float, default=0.5)
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--down", type=float, default=20.0)
    options = parser.parse_args()
    print(json.dumps(asyncio.run(measure(options.rows, options.latency, options.concurrency, options.down))))
