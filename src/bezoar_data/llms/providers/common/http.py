"""HTTP as every provider on it needs it: bounded bodies, what a failure means, addresses, proxies.

What comes back is outside text: it is bounded and may hold anything, also the key that was sent.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson

from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem
from bezoar_data.llms.redact import redact
from bezoar_data.llms.retry_policy import ProviderError, Transient, Unauthorised, failure_of_status

LARGEST_BODY = 32 * 2**20
"""Bytes. An answer is text a model wrote token by token: more than this is no answer."""
CONNECT_WITHIN = 8.0
_DETAIL = 600
"""Characters of an error that are worth keeping."""


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """The whole body. Raises `Transient` for one larger than `LARGEST_BODY`, once so much was read."""
    length = response.content_length
    if length is not None and length <= LARGEST_BODY and "Content-Encoding" not in response.headers:
        return await response.read()
    parts, size = [], 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > LARGEST_BODY:
            response.close()
            raise Transient("garbage", f"a body of more than {LARGEST_BODY >> 20} MiB")
        parts.append(part)
    return b"".join(parts)


def parsed(raw: bytes) -> dict[str, Any]:
    """The JSON object a body holds. Raises `Transient` for anything else."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        shown = redact(raw[:80].decode("utf-8", "replace"))
        raise Transient("garbage", f"not JSON ({error.msg}): {shown!r}") from None
    if not isinstance(value, dict):
        raise Transient("garbage", f"a JSON {type(value).__name__}, not an object")
    return value


def failure_of(status: int, raw: bytes, headers: Mapping[str, str]) -> ProviderError:
    """What a status other than 2xx means, with the body's explanation."""
    if 300 <= status < 400:
        where = redact(headers.get("Location", "another address"))[:200]
        return Unauthorised(f"redirected (HTTP {status}) to {where}; name the final address as base_url")
    detail, code = _error_text(raw)
    return failure_of_status(status, detail, code=code, retry_after=_wait(headers))


def _error_text(raw: bytes) -> tuple[str, str]:
    """The message and the code in an error's body, in any of the shapes servers give it; without secrets."""
    code = ""
    try:
        value = orjson.loads(raw[: 2**20])
        for name in ("error", "detail", "message"):
            if isinstance(value, dict) and value.get(name):
                if isinstance(found := value.get("code"), str):
                    code = found
                value = value[name]
        if isinstance(value, dict) and isinstance(found := value.get("code") or value.get("type"), str):
            code = found
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
    except orjson.JSONDecodeError:
        text = raw[: 4 * _DETAIL].decode("utf-8", "replace")
    # Redact before cutting: half a key is not recognised as one.
    text = " ".join(redact(text).split())
    return (text[:_DETAIL] or "no explanation"), code


def _wait(headers: Mapping[str, str]) -> float | None:
    try:
        return max(0.0, float(headers["retry-after-ms"]) / 1000)
    except (KeyError, ValueError):
        return retry_after(headers.get("Retry-After"))


def words(error: BaseException) -> str:
    """An error of the connection as people and the journal may read it."""
    return redact(str(error))[:_DETAIL] or type(error).__name__


def endpoint_url(base: str, path: str) -> str:
    """The address of `path` under a `base_url`, which may name it already."""
    parts = urlsplit(base)
    trimmed = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=trimmed if trimmed.endswith(path) else f"{trimmed}/{path}", fragment=""))


def proxy_for(url: str) -> str | None:
    """The proxy the environment names for this address. Looked up once: aiohttp would do it for each request."""
    parts = urlsplit(url)
    if parts.hostname in (None, "localhost", "127.0.0.1", "::1") or proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


def address_problems(model: Model) -> list[Problem]:
    if model.base_url is None:
        if model.api_key_env is None:
            message = f"model '{model.model}' names neither base_url nor api_key_env"
            return [Problem("no-key-variable", message, hint="for OpenAI itself: api_key_env: OPENAI_API_KEY")]
        return []
    try:
        parts = urlsplit(model.base_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        hint = "an address looks like http://localhost:8000/v1"
        return [Problem("bad-base-url", f"'{redact(model.base_url)}' is no address of a server", hint=hint)]
    if parts.username is not None or parts.password is not None:
        message = f"base_url of model '{model.model}' holds a user name or password"
        return [Problem("secret-in-file", message, hint="put the key in an environment variable: api_key_env")]
    return []


def retry_after(value: str | None, now: float | None = None) -> float | None:
    """Seconds asked for by a `Retry-After` header, given as seconds or as a date; None when absent or unreadable."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            then = email.utils.parsedate_to_datetime(value)
        except ValueError:
            return None
        seconds = then.timestamp() - (time.time() if now is None else now)
    if seconds != seconds or seconds == float("inf"):
        return None
    return max(0.0, seconds)
