"""What a shard did, and what a merge of shards came to that has a later phase before it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bezoar_data.engine.shards.merge import PhaseBegun
    from bezoar_data.engine.shards.run_shard import ShardDone


@dataclass(frozen=True, slots=True)
class ShardReport:
    """A shard that has come to its end. `print` it for a summary."""

    done: ShardDone
    folder: Path

    @property
    def exit_code(self) -> int:
        """0, or 1 when more of its rows failed than the pipeline tolerates."""
        return self.done.exit_code

    @property
    def failure(self) -> str:
        """Why the exit code is not 0."""
        return f"{self.done.failed:,} rows failed" if self.exit_code else ""

    def leaves(self) -> dict[str, Any]:
        """What it leaves, for the last of its events."""
        done = self.done
        return {"folder": str(self.folder), "shard": str(done.shard), "phase": done.shard.phase, "rows": done.rows}

    def as_json(self) -> dict[str, Any]:
        done = self.done
        return {
            "ok": done.exit_code == 0,
            "exit_code": done.exit_code,
            "run": str(self.folder),
            "shard": str(done.shard),
            "phase": done.shard.phase,
            "phases": done.phases,
            "rows": done.rows,
            "failed": done.failed,
            "brought_back": done.brought_back,
            "collected": done.collected_at,
            "seconds": round(done.seconds, 3),
            "asked": dict(done.usage),
        }

    def __str__(self) -> str:
        done, asked = self.done, self.done.usage
        lines = [
            f"{done.name}: shard {done.shard} of phase {done.shard.phase} of {done.phases} is done: "
            f"{done.rows:,} rows, {asked['requests']:,} requests, {asked['hits']:,} answers known before"
        ]
        if done.brought_back:
            lines.append(f"  {done.brought_back:,} answers came back from where they were collected")
        if done.failed:
            lines.append(f"  {done.failed:,} rows failed; merge-shards asks once more what was not answered")
        lines.append(f"  collected in {done.collected_at}; when all shards are done: merge-shards")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class PhaseReport:
    """Shards that are merged, with a phase still to be run in shards."""

    begun: PhaseBegun
    exit_code: int = 0
    failure: str = ""

    def leaves(self) -> dict[str, Any]:
        """What it leaves, for the last of its events."""
        return {"folder": self.begun.collected_at, "phase": self.begun.phase, "rows": self.begun.rows}

    def as_json(self) -> dict[str, Any]:
        begun = self.begun
        return {
            "ok": True,
            "exit_code": 0,
            "phase": begun.phase,
            "phases": begun.phases,
            "rows": begun.rows,
            "collected": begun.collected_at,
        }

    def __str__(self) -> str:
        begun = self.begun
        return (
            f"{begun.name}: merged; phase {begun.phase} of {begun.phases} begins with {begun.rows:,} rows\n"
            f"  run its shards with --phase {begun.phase}, and merge them: merge-shards"
        )
