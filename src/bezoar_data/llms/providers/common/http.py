"""HTTP as every provider on it needs it: bounded bodies, what a failure means, addresses, proxies.

What comes back is outside text: it is bounded and may hold anything, also the key that was sent.
"""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson

from bezoar_data.config.files.models import Model
from bezoar_data.config.problems import Problem
from bezoar_data.llms.error_signs import cause_of
from bezoar_data.llms.providers.common.error_body import DETAIL, ErrorBody, read_error, seconds
from bezoar_data.llms.redact import redact
from bezoar_data.llms.retry_policy import ProviderError, Transient, Unauthorised, failure_of_status

LARGEST_BODY = 32 * 2**20
"""Bytes. An answer is text a model wrote token by token: more than this is not an answer."""
CONNECT_WITHIN = 8.0


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
        if not raw.strip():
            # DeepSeek sends blank lines while a request waits for its turn, and nothing else when that takes too long.
            raise Transient("garbage", "an empty body") from None
        if raw.lstrip().startswith((b"data:", b"event:", b":")):
            raise Transient("garbage", "an event stream, which was not requested") from None
        shown = read_error(raw).text[:200]
        raise Transient("garbage", f"not JSON ({error.msg}): {shown!r}") from None
    if not isinstance(value, dict):
        if isinstance(value, list) and value and isinstance(value[0], dict) and "error" in value[0]:
            raise failure_inside(raw, {})
        raise Transient("garbage", f"a JSON {type(value).__name__}, not an object")
    return value


def failure_of(status: int, raw: bytes, headers: Mapping[str, str]) -> ProviderError:
    """What a status other than 2xx means, with the body's explanation."""
    if 300 <= status < 400:
        where = redact(headers.get("Location", "another address"))[:200]
        return Unauthorised(f"redirected (HTTP {status}) to {where}; name the final address as base_url")
    return _failure(status, read_error(raw), headers)


def failure_inside(raw: bytes, headers: Mapping[str, str]) -> ProviderError:
    """What an error means that came with HTTP 200: what the status would that it names, in figures or in words. One
    that says nothing known may be of a server that has no such address (LM Studio without `/v1`): no usable answer."""
    body = read_error(raw)
    status = body.status or (400 if cause_of(body.codes, body.text) else None)
    if status is None:
        return Transient("garbage", f"an error with HTTP 200: {body.text}")
    return _failure(status, body, headers)


def _failure(status: int, body: ErrorBody, headers: Mapping[str, str]) -> ProviderError:
    wait = _wait(headers)
    return failure_of_status(
        status,
        body.text,
        codes=body.codes,
        fields=body.fields,
        retry_after=body.wait if wait is None else wait,
        spoken=body.spoken,
    )


def _wait(headers: Mapping[str, str]) -> float | None:
    """Seconds that the headers ask to wait: their own word, else until what is spent is there again."""
    try:
        return max(0.0, float(headers["retry-after-ms"]) / 1000)
    except (KeyError, ValueError):
        pass
    if (asked := retry_after(headers.get("Retry-After"))) is not None:
        return asked
    spent = (what for what in ("requests", "tokens") if headers.get(f"x-ratelimit-remaining-{what}") == "0")
    resets = [seconds(headers.get(f"x-ratelimit-reset-{what}")) for what in spent]
    return max((reset for reset in resets if reset is not None), default=None)


def words(error: BaseException) -> str:
    """An error of the connection as people and the journal may read it."""
    return redact(str(error))[:DETAIL] or type(error).__name__


def endpoint_url(base: str, path: str) -> str:
    """The address of `path` under a `base_url`, which may name it already."""
    parts = urlsplit(base)
    trimmed = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=trimmed if trimmed.endswith(path) else f"{trimmed}/{path}", fragment=""))


def is_own_server(url: str) -> bool:
    """Whether an address is of this machine or of a private network: there vLLM, llama.cpp, Ollama and the like answer,
    whose decoding follows any schema. Hosts of models for everybody refuse bounds in one."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal"))


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
        return [Problem("bad-base-url", f"'{redact(model.base_url)}' is not an address of a server", hint=hint)]
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
