"""The workers of a run and who looks after them: each gets a shard, its part of the limits, and is asked four times a
second how it stands.

Ray starts a worker again whose process or node was lost; its shard waits for it, since what it has journalled lies on
its node, and goes to another where it does not come back in time. A shard at which one worker after another is lost
without an answer ends the run, and so does a cluster that has no place for any worker.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any

from bezoar_data._version import __version__
from bezoar_data.config.errors import PROVIDER_AWAY, BezoarError, InputError
from bezoar_data.config.problems import Problem
from bezoar_data.engine.cluster.division import Division
from bezoar_data.engine.cluster.sums import left, summed
from bezoar_data.engine.cluster.values import Ended, Home, Job, News, Orders, Place
from bezoar_data.engine.cluster.worker import Worker
from bezoar_data.engine.progress import Progress
from bezoar_data.engine.shard import Shard
from bezoar_data.engine.shards.store import Store
from bezoar_data.engine.stream import GRACE
from bezoar_data.llms.redact import redact

_LOOK = 0.25
"""Seconds between two looks at a worker."""
_BACK_WITHIN = 60.0
"""Seconds in which a lost worker is waited for while others work."""
_PLACED_WITHIN = 300.0
"""Seconds in which any worker must be there."""
_ANSWERS_WITHIN = 120.0
"""Seconds after which a worker that says nothing is started again."""
_LOST = 4
"""Workers that a shard may lose in a row without one answer more."""
_THREADS = 4


class ClusterLost(BezoarError):
    """The cluster has no worker left that could go on. The same command does."""

    exit_code = PROVIDER_AWAY


@dataclass(slots=True, eq=False)
class Member:
    """A worker as the driver sees it."""

    number: int
    actor: Any
    since: float
    """Since when it is as it is."""
    place: Place | None = None
    """Where it is; None while it is started."""
    shard: Shard | None = None
    """What it runs, or will when it is back."""
    ended: Any = None
    """Ray's reference to how its shard ends."""
    said: Any = None
    """Ray's reference to what it was asked last."""
    said_at: float = 0.0
    orders: Orders = field(default_factory=Orders)
    arrived: int = 0
    turn: int = 0
    """The number of what it runs: news of anything else comes too late."""


class Crew:
    """So many workers. They are started when it is made, and end with the connection to Ray."""

    def __init__(self, ray: ModuleType, workers: int, home: Home, progress: Progress) -> None:
        self._ray = ray
        self._home = home
        self._progress = progress
        self._told: set[str] = set()
        self._away: dict[str, str] = {}
        self._actor = ray.remote(Worker).options(num_cpus=1, max_restarts=-1, max_concurrency=_THREADS)
        now = time.monotonic()
        self._members = [Member(i, self._actor.remote(), now) for i in range(workers)]
        self._there_at = now
        """When a worker was last there."""
        self._division = Division()
        self._ending: BezoarError | None = None
        self._ending_at = 0.0
        self._past: list[Mapping[str, Any]] = []
        """Figures of processes and shards that are no more under way."""
        self._turns = 0
        self.news: dict[Shard, News] = {}
        """The last that was heard of each shard."""
        self._waiting: deque[Shard] = deque()
        self._jobs: Mapping[Shard, Callable[[Place], Job]] = {}
        self._lost: dict[Shard, tuple[int, int]] = {}
        """How often in a row a shard lost its worker, and how many answers there were then."""

    def run(self, jobs: Mapping[Shard, Callable[[Place], Job]], store: Store) -> None:
        """Have each shard run to its end. Raises what ended one of them, once all others have come to rest."""
        self._jobs, self._waiting = jobs, deque(jobs)
        self.news, self._lost = {}, {}
        self._there_at = time.monotonic()
        while self._waiting or any(m.shard for m in self._members):
            if self._ending is not None and self._is_at_rest():
                raise self._ending
            self._give()
            self._ask()
            self._listen(store)
            self._judge()
        if self._ending is not None:
            raise self._ending

    @property
    def size(self) -> int:
        return len(self._members)

    @property
    def is_stopping(self) -> bool:
        return self._ending is not None

    def stop(self, error: BezoarError) -> None:
        """End the run with this error, once the answers in flight are there."""
        if self._ending is None:
            self._ending, self._ending_at = error, time.monotonic()

    def asked(self) -> dict[str, Any]:
        """The figures of all LLM calls, of all workers so far."""
        now = [news.facts.get("asked", {}) for news in self.news.values()]
        total = summed([*self._past, *now])
        total["workers"] = [self._shown(member) for member in self._members]
        return total

    def clean(self) -> None:
        """Take away what the run has left on the nodes."""
        leaving = [m.actor.leave_nothing.remote(self._home) for m in self._members if m.place is not None]
        self._ray.wait(leaving, num_returns=len(leaving), timeout=10) if leaving else None

    def _shown(self, member: Member) -> dict[str, Any]:
        place = member.place
        state = "starting" if place is None else "idle" if member.shard is None else "working"
        news = self.news.get(member.shard) if member.shard is not None else None
        asked = news.facts.get("asked", {}) if news is not None else {}
        return {
            "worker": member.number,
            "state": state,
            "host": place.host if place else None,
            "pid": place.pid if place else None,
            "shard": str(member.shard) if member.shard else None,
            "in_flight": asked.get("in_flight", 0),
        }

    def _is_at_rest(self) -> bool:
        late = time.monotonic() - self._ending_at > GRACE + 15
        return late or not any(m.ended is not None for m in self._members)

    def _give(self) -> None:
        """Give idle workers shards: their own, or those for whose worker nobody waits."""
        for member in self._members:
            if member.place is None or member.ended is not None or self._ending is not None:
                continue
            if member.shard is None and self._waiting:
                own = next((s for s in self._waiting if s.number == member.number), self._waiting[0])
                self._waiting.remove(own)
                member.shard = own
            if member.shard is not None:
                self._turns += 1
                member.arrived, member.turn = 0, self._turns
                job = replace(self._jobs[member.shard](member.place), turn=self._turns)
                member.ended, member.since = member.actor.run.remote(job), time.monotonic()
        self._division.among(m.number for m in self._members if m.shard is not None and m.place is not None)

    def _ask(self) -> None:
        now = time.monotonic()
        for member in self._members:
            if member.said is not None or now - member.said_at < _LOOK:
                continue
            member.said_at = now
            if member.place is None:
                member.said = member.actor.hello.remote()
            elif member.ended is not None:
                parts = self._division.parts_of(member.number)
                member.orders = Orders(parts, member.arrived, self._ending is not None)
                member.said = member.actor.poll.remote(member.orders)

    def _listen(self, store: Store) -> None:
        """Wait a little, and take in what was said."""
        waited = {ref: m for m in self._members for ref in (m.said, m.ended) if ref is not None}
        if not waited:
            time.sleep(_LOOK)
            return
        ready, _ = self._ray.wait(list(waited), num_returns=len(waited), timeout=_LOOK)
        for ref in ready:
            member = waited[ref]
            try:
                value = self._ray.get(ref)
            except self._ray.exceptions.RayActorError as error:
                if error.actor_init_failed:
                    self._refuse(error)
                self._lose(member)
                continue
            except self._ray.exceptions.RayTaskError as error:
                if member.place is not None:
                    raise
                self._refuse(error)  # its class cannot be imported there
                member.said = None
                continue
            if ref is member.said:
                member.said = None
                self._heard(member, value, store)
            elif ref is member.ended:
                self._over(member, value)

    def _refuse(self, error: Exception) -> None:
        """No worker will ever start."""
        said = redact(str(error)).strip().rpartition("\n")[2][:300]
        hint = 'pip install "bezoar-data[ray]", of the same version, on each node'
        self.stop(InputError(Problem("no-worker", f"a worker cannot start: {said}", hint=hint)))

    def _heard(self, member: Member, value: Place | News | None, store: Store) -> None:
        self._there_at = time.monotonic()
        if isinstance(value, Place):
            if value.version != __version__:
                message = f"bezoar-data {value.version} is installed on {value.host}, and {__version__} here"
                self.stop(InputError(Problem("other-version", message, hint="install the same on all nodes")))
            member.place, member.since = value, time.monotonic()
        elif value is not None and value.turn == member.turn:
            for name, file in value.sent:
                store.put(name, file)
            member.arrived += len(value.sent)
            if value.within:
                self._division.came_down(member.number, member.orders.parts)
            self._tell(value)

    def _tell(self, news: News) -> None:
        """Take in the figures, and show what workers want to be shown, once where several say the same."""
        if news.facts:
            self.news[news.shard] = news
        for note in news.notes:
            if note not in self._told:
                self._told.add(note)
                self._progress.note(note)
        for what, facts in news.events:
            address = str(facts.get("address"))
            if self._away.get(address) != what:
                self._away[address] = what
                self._progress.on_event(what, facts)

    def _over(self, member: Member, ended: Ended) -> None:
        """A shard has come to its end."""
        member.ended, member.shard = None, None
        self._tell(ended.news)
        if ended.message:
            elsewhere = member.place is not None and member.place.node != self._home.node
            self.stop(ended.error(member.place.host if member.place is not None and elsewhere else ""))

    def _lose(self, member: Member) -> None:
        """Its process is gone, or cannot be reached."""
        member.said = member.ended = None
        was, member.place = member.place, None
        if was is None:
            return
        member.since = time.monotonic()
        shard = member.shard
        if shard is None:
            return
        answered = 0
        if (news := self.news.pop(shard, None)) is not None:
            asked = news.facts.get("asked", {})
            self._past.append(left(asked))
            answered = int(asked.get("answered", 0))
        times = self._lost.get(shard, (0, 0))[0] + 1 if not answered else 1
        self._lost[shard] = times, answered
        self._progress.note(f"worker {member.number} on {was.host} (process {was.pid}) is lost, and is started again")
        if times >= _LOST:
            self.stop(
                ClusterLost(
                    f"shard {shard} has lost {times} workers in a row without one answer more, the last on {was.host}: "
                    "out of memory? Answers so far are kept: run the same command again to continue"
                )
            )

    def _judge(self) -> None:
        """Give up workers that do not come back, and the run where there is none."""
        now = time.monotonic()
        there = [m for m in self._members if m.place is not None]
        for member in self._members:
            if member.said is not None and member.place is not None and now - member.said_at > _ANSWERS_WITHIN:
                self._ray.kill(member.actor, no_restart=False)
            if member.place is None and there and member.shard is not None and now - member.since > _BACK_WITHIN:
                self._progress.note(f"worker {member.number} does not come back: others take its shard")
                self._waiting.append(member.shard)
                member.shard = None
        if not there and now - self._there_at > _PLACED_WITHIN:
            raise self._ending or ClusterLost(_no_place(self._ray))


def _no_place(ray: ModuleType) -> str:
    total, free = ray.cluster_resources().get("CPU", 0), ray.available_resources().get("CPU", 0)
    return (
        f"no worker has found a place for {_PLACED_WITHIN:.0f} seconds: each needs a CPU, and of the cluster's "
        f"{total:g} {free:g} are free. Answers so far are kept: run the same command again to continue"
    )
