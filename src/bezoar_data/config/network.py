"""Whether an error means that nobody was reached: then the command is right, and the same one goes on later."""

from __future__ import annotations

_TRANSPORT = ("httpx", "httpx2", "httpcore", "httpcore2", "urllib3", "requests", "aiohttp")
_OFFLINE = ("OfflineModeIsEnabled", "LocalEntryNotFoundError")
"""What the Hub's library raises where it was told to stay offline, or to look for a file here alone."""


def is_unreached(error: BaseException | None) -> bool:
    """Whether a library's own transport raised it, or what stands behind it; not an answer that refuses."""
    seen = 0
    while error is not None and seen < 5:
        if getattr(error, "response", None) is not None:
            return False
        if of_transport(error) or type(error).__name__ in _OFFLINE:
            return True
        error, seen = error.__cause__ or error.__context__, seen + 1
    return False


def of_transport(error: BaseException) -> bool:
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    return type(error).__module__.split(".")[0] in _TRANSPORT and isinstance(error, Exception)
