"""What providers share that let somebody else's client library do the asking: litellm, and distilabel's own classes.

Such libraries quote keys in what they log and raise, and have errors of their own. Here the logs fall silent, and the
errors become ours.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bezoar_data.llms.providers.common.http import retry_after
from bezoar_data.llms.redact import redact
from bezoar_data.llms.retry_policy import ProviderError, Transient, failure_of_status

_TALKERS = ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy", "httpx", "httpx2", "openai", "anthropic", "groq")
_DETAIL = 600
"""Characters of an error that are worth keeping."""
_UNREADABLE = "Empty or invalid response"
"""How litellm reports a body it cannot read. It calls that, and an endpoint nobody reaches, a server's error."""
_NOBODY = ("APIConnectionError", "ConnectError", "ConnectTimeout", "ConnectionError", "ClientConnectorError")
_LATE = ("Timeout", "APITimeoutError", "ReadTimeout", "TimeoutError")


def quiet_libraries() -> None:
    """Let libraries that log a line for each request, with addresses and bodies, say nothing below an error."""
    for name in _TALKERS:
        logging.getLogger(name).setLevel(logging.ERROR)


def failure(error: Exception) -> ProviderError:
    """What a client library raised, as a provider's error. They all give their errors the status of the answer."""
    if isinstance(error, ProviderError):
        return error
    detail, status = words(error), _status(error)
    names = [type(cause).__name__ for cause in _chain(error)]
    if names[0] in _LATE or names[-1] in _LATE:
        return Transient("timeout", detail)
    if any(name in _NOBODY for name in names):
        return Transient("connection", detail)
    if status is None or _UNREADABLE in detail:
        return Transient("garbage", detail)
    # Their texts hold the endpoint's codes, and their own name of what happened.
    codes = {word.lower() for word in re.findall(r"\b[A-Za-z]+(?:_[A-Za-z]+)+\b", detail)}
    return failure_of_status(status, detail, codes=codes, retry_after=_wait(error))


def words(error: BaseException) -> str:
    """An error's text on one line, without secrets."""
    # Redact before cutting: half a key is not recognised as one.
    return " ".join(redact(str(error)).split())[:_DETAIL] or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what lies under it."""
    below: BaseException | None = error
    for _ in range(8):
        if below is None:
            return
        yield below
        below = below.__cause__ or below.__context__


def _status(error: Exception) -> int | None:
    for value in (getattr(error, "status_code", None), getattr(_response(error), "status_code", None)):
        if type(value) is int:
            return value
    return None


def _wait(error: Exception) -> float | None:
    for headers in (getattr(error, "litellm_response_headers", None), getattr(_response(error), "headers", None)):
        if isinstance(headers, Mapping) and (found := headers.get("retry-after")):
            return retry_after(str(found))
    return None


def _response(error: Exception) -> Any:
    return getattr(error, "response", None)
