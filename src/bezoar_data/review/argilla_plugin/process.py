"""One process of the review server: `server PORT` or `worker`. Runs inside the review server's environment.

Argilla is unmodified; this only registers our search engine before it starts. The secrets come in a file, never as
arguments, which every user of the machine can read.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import database_engine  # noqa: F401  (registers itself)
import uvicorn
from argilla_server.cli.database.migrate import migrate_db
from argilla_server.contexts import accounts
from argilla_server.database import AsyncSessionLocal, async_engine
from argilla_server.enums import UserRole
from argilla_server.jobs.queues import DEFAULT_QUEUE, HIGH_QUEUE, REDIS_CONNECTION
from argilla_server.models import User
from rq import SimpleWorker


def serve(port):
    migrate_db("head")
    secrets = json.loads(Path(os.environ["BEZOAR_REVIEW_SECRETS"]).read_text("utf-8"))
    asyncio.run(_create(secrets["owner"]))

    uvicorn.run("argilla_server:app", host="127.0.0.1", port=port, log_level="warning", access_log=False)


async def _create(owner):
    """Create the owner, with our password and key."""
    async with AsyncSessionLocal() as db:
        if await accounts.get_user_by_username(db, owner["username"]) is None:
            await User.create(
                db,
                first_name=owner["username"],
                username=owner["username"],
                role=UserRole.owner,
                password_hash=accounts.hash_password(owner["password"]),
                api_key=owner["api_key"],
            )
    await async_engine.dispose()  # its connections belong to this event loop


def work():
    """The queue's jobs: Argilla counts records anew after `min_submitted` changed, copies datasets, and the like."""
    SimpleWorker([HIGH_QUEUE, DEFAULT_QUEUE], connection=REDIS_CONNECTION).work(logging_level="WARNING")


if __name__ == "__main__":
    serve(int(sys.argv[2])) if sys.argv[1] == "server" else work()
