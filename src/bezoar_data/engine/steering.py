"""What tells an engine, from another thread and while it runs, of its share of the limits and of its end."""

from __future__ import annotations

from collections.abc import Callable

from bezoar_data.llms.endpoint.share import Share


class Steering:
    """Belongs to one run."""

    def __init__(self) -> None:
        self.share = Share()
        self._stop: Callable[[], None] | None = None
        self._stopped = False

    def take(self, stop: Callable[[], None]) -> None:
        """From now on `stop` ends the run cleanly, from any thread."""
        self._stop = stop
        if self._stopped:
            stop()

    def stop(self) -> None:
        """End the run cleanly, now or as soon as it has begun."""
        if not self._stopped:
            self._stopped = True
            if self._stop is not None:
                self._stop()
