"""Any endpoint that speaks OpenAI's chat completions: OpenAI itself, vLLM, llama.cpp, Ollama, TGI, most hosts.

One connection pool on aiohttp, no client library in between: it was measured several times faster than those. What
comes back is outside text: it is bounded, checked field by field, and anything odd is a failure of this one request.
The key is read from the environment, sent to the address in the models file and nowhere else (no redirects), and its
value stands in nothing that leaves here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import orjson
from yarl import URL

from bezoar_data.llms.limits import retry_after
from bezoar_data.llms.providers.base import Completion, Provider, Refusal, Request, Transient, Unauthorised
from bezoar_data.llms.redact import redact, register_secret
from bezoar_data.spec.errors import Problem
from bezoar_data.spec.models_file import Model

OPENAI = "https://api.openai.com/v1"
LARGEST_BODY = 32 * 2**20
"""Bytes. An answer is text a model wrote token by token: more than this is no answer."""
CONNECT_WITHIN = 8.0
_DETAIL = 600
"""Characters of an error that are worth keeping."""
_TRY_LATER = {408: "timeout", 409: "conflict", 425: "conflict", 429: "rate_limited", 503: "unavailable",
              504: "timeout", 524: "timeout", 529: "unavailable"}  # fmt: skip
_NOTHING_LEFT = ("insufficient_quota", "billing_hard_limit_reached")
"""Error codes that come as "too many requests" and never end by waiting."""


class OpenAI(Provider):
    """Chat completions at `base_url`, OpenAI's own by default."""

    kind = "openai"
    home: ClassVar[str] = OPENAI
    """The address when the models file names none."""
    path: ClassVar[str] = "chat/completions"

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._url = _url(model.base_url or self.home, self.path)
        self._session: aiohttp.ClientSession | None = None
        self._send: dict[str, Any] = {}
        self._official = urlsplit(self._url).hostname == "api.openai.com"
        self._fixed: dict[int, tuple[Model, dict[str, Any]]] = {}

    @property
    def address(self) -> str:
        parts = urlsplit(self.model.base_url or self.home)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))

    def problems(self) -> list[Problem]:
        return [*_address_problems(self.model), *_key_problems(self.model), *_body_problems(self.model)]

    async def open(self) -> None:
        self._send = {"allow_redirects": False, "proxy": _proxy(self._url)}
        self._session = aiohttp.ClientSession(
            # Once for the session: headers given with each request are put together anew each time.
            headers=self._headers(),
            # The gate bounds what is in flight; a second bound here would only hide time spent in line.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ttl_dns_cache=300),
            # The transport times each request as a whole.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._target = URL(self._url)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def complete(self, request: Request) -> Sequence[Completion]:
        value, headers = await self._post(self._body(request))
        return _completions(value, request.n, headers)

    def _headers(self) -> dict[str, str]:
        """What every request says of itself, the key among it."""
        headers = {"Content-Type": "application/json", "Accept": "application/json", **self.model.extra_headers}
        if self.model.api_key_env:
            key = os.environ[self.model.api_key_env].strip()
            register_secret(key)
            headers.update(self._key_headers(key))
        return headers

    def _key_headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"}

    async def _post(self, body: dict[str, Any]) -> tuple[dict[str, Any], Mapping[str, str]]:
        """Send a body; the JSON object that came back, and its headers. Every other end is a provider's error."""
        assert self._session is not None, "open() comes first"  # noqa: S101
        try:
            async with self._session.post(self._target, data=orjson.dumps(body), **self._send) as response:
                status, headers = response.status, response.headers
                raw = await _read(response)
        except (aiohttp.ClientConnectorError, TimeoutError) as error:
            raise Transient("connection", _words(error)) from None
        except (aiohttp.ClientError, ConnectionError, ValueError) as error:
            raise Transient("cut", _words(error)) from None
        if 200 <= status < 300:
            return _parsed(raw), headers
        raise _failure(status, raw, headers)

    def _body(self, request: Request) -> dict[str, Any]:
        body = {**self._values(request.model), "messages": request.messages}
        if request.n > 1:
            body["n"] = request.n
        if (seed := request.sample_seed) is not None:
            body["seed"] = seed
        if request.schema is not None:
            form = {"name": "answer", "schema": request.schema, "strict": _is_strict(request.schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        body.update(request.model.extra_body)
        return body

    def _values(self, model: Model) -> dict[str, Any]:
        """The fixed part of a request's body. Roles with one endpoint share this object, each with its own values."""
        known = self._fixed.get(id(model))
        if known is None:
            # The model is kept with its values, or another could come to have its id.
            known = self._fixed[id(model)] = (model, self._fixed_values(model))
        return known[1]

    def _fixed_values(self, model: Model) -> dict[str, Any]:
        return _fixed_body(model, official=self._official)


def _fixed_body(model: Model, *, official: bool) -> dict[str, Any]:
    """What is the same in every request: the model's id and its sampling values, as vLLM and OpenAI name them."""
    values = model.sampling
    body: dict[str, Any] = {
        "model": model.model,
        "temperature": values.temperature,
        "top_p": values.top_p,
        "top_k": values.top_k,
        "repetition_penalty": values.repetition_penalty,
        "stop": list(values.stop) or None,
        "max_completion_tokens" if official else "max_tokens": values.max_tokens,
    }
    return {name: value for name, value in body.items() if value is not None}


def _is_strict(schema: Any) -> bool:
    """Whether OpenAI takes a schema as strict: every object closed, all its properties required."""
    if isinstance(schema, Mapping):
        if "properties" in schema:
            closed = schema.get("additionalProperties") is False
            if not closed or set(schema.get("required", ())) != set(schema["properties"]):
                return False
        return all(map(_is_strict, schema.values()))
    return all(map(_is_strict, schema)) if isinstance(schema, list | tuple) else True


async def _read(response: aiohttp.ClientResponse) -> bytes:
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


def _parsed(raw: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        shown = redact(raw[:80].decode("utf-8", "replace"))
        raise Transient("garbage", f"not JSON ({error.msg}): {shown!r}") from None
    if not isinstance(value, dict):
        raise Transient("garbage", f"a JSON {type(value).__name__}, not an object")
    return value


def _completions(value: dict[str, Any], wanted: int, headers: Mapping[str, str]) -> list[Completion]:
    choices = value.get("choices")
    if not choices and value.get("error"):
        # Some hosts answer 200 and tell the true status inside.
        error = value["error"]
        code = error.get("code") if isinstance(error, dict) else None
        raise _failure(code if isinstance(code, int) and 400 <= code < 600 else 500, orjson.dumps(value), headers)
    usage = _usage(value.get("usage"))
    if not isinstance(choices, list) or not choices:
        raise Transient("garbage", "an answer without choices", billed=usage)
    request_id = value.get("id")
    made = [_completion(choice, usage) for choice in choices[:wanted]]
    name = request_id if isinstance(request_id, str) else headers.get("x-request-id", "")
    counted = _shares(usage, len(made))
    return [
        Completion(text, reason, prompt, answer, name, extra)
        for (text, reason, extra), (prompt, answer) in zip(made, counted, strict=True)
    ]


def _completion(choice: Any, usage: tuple[int, int] | None) -> tuple[str, str, dict[str, Any]]:
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise Transient("garbage", "a choice without a message", billed=usage)
    reason = choice.get("finish_reason")
    reason = reason if isinstance(reason, str) and reason else "unknown"
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(p["text"] for p in content if isinstance(p, dict) and isinstance(p.get("text"), str))
    if not isinstance(content, str):
        refusal = message.get("refusal")
        if isinstance(refusal, str) and refusal:
            content, reason = refusal, "refusal"
        elif reason in ("length", "content_filter"):
            content = ""  # a whole answer of its kind: all tokens went into thinking, or nothing may be said
        else:
            raise Transient("garbage", "a message without content", billed=usage)
    extra: dict[str, Any] = {}
    if choice.get("logprobs"):
        extra["logprobs"] = choice["logprobs"]
    thinking = message.get("reasoning_content") or message.get("reasoning")
    if isinstance(thinking, str):
        extra["reasoning"] = thinking
    return content, reason, extra


def _usage(value: Any) -> tuple[int, int] | None:
    """(prompt, completion) tokens billed, if the endpoint tells both."""
    if not isinstance(value, dict):
        return None
    prompt, answer = value.get("prompt_tokens"), value.get("completion_tokens")
    if type(prompt) is not int or type(answer) is not int or prompt < 0 or answer < 0:
        return None
    return prompt, answer


def _shares(usage: tuple[int, int] | None, n: int) -> list[tuple[int | None, int | None]]:
    """A bill split over its samples: the prompt to the first, the answers' tokens evenly. The sum stays the bill."""
    if usage is None:
        return [(None, None)] * n
    prompt, answer = usage
    each, rest = divmod(answer, n)
    return [(prompt if i == 0 else 0, each + (i < rest)) for i in range(n)]


def _failure(status: int, raw: bytes, headers: Mapping[str, str]) -> Exception:
    detail, code = _error_text(raw)
    if 300 <= status < 400:
        where = redact(headers.get("Location", "another address"))[:200]
        return Unauthorised(f"HTTP {status}: it points to {where}; name the final address as base_url")
    if status in (401, 402, 403) or code in _NOTHING_LEFT:
        return Unauthorised(f"HTTP {status}: {detail}")
    cause: Any = _TRY_LATER.get(status) or ("server_error" if status >= 500 else None)
    if cause is None:
        return Refusal(status, detail)
    return Transient(cause, f"HTTP {status}: {detail}", _wait(headers))


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


def _words(error: BaseException) -> str:
    return redact(str(error))[:_DETAIL] or type(error).__name__


def _url(base: str, path: str) -> str:
    parts = urlsplit(base)
    trimmed = parts.path.rstrip("/")
    return urlunsplit(parts._replace(path=trimmed if trimmed.endswith(path) else f"{trimmed}/{path}", fragment=""))


def _proxy(url: str) -> str | None:
    """The proxy the environment names for this address. Looked up once: aiohttp would do it for each request."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    if parts.hostname in (None, "localhost", "127.0.0.1", "::1") or proxy_bypass(parts.hostname or ""):
        return None
    return getproxies().get(parts.scheme)


def _address_problems(model: Model) -> list[Problem]:
    if model.base_url is None:
        if model.api_key_env is None:
            message = f"model '{model.model}' names neither base_url nor api_key_env"
            return [Problem("no_key_variable", message, hint="for OpenAI itself: api_key_env: OPENAI_API_KEY")]
        return []
    try:
        parts = urlsplit(model.base_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        hint = "an address looks like http://localhost:8000/v1"
        return [Problem("bad_base_url", f"'{redact(model.base_url)}' is no address of a server", hint=hint)]
    if parts.username is not None or parts.password is not None:
        message = f"base_url of model '{model.model}' holds a user name or password"
        return [Problem("secret_in_file", message, hint="put the key in an environment variable: api_key_env")]
    return []


def _key_problems(model: Model) -> list[Problem]:
    variable = model.api_key_env
    if variable is None:
        return []
    key = os.environ.get(variable, "").strip()
    if not key:
        message = f"the environment variable {variable} is not set: model '{model.model}' needs a key"
        return [Problem("no_key", message, hint=f"export {variable}=...")]
    if not key.isascii() or not key.isprintable() or " " in key:
        message = f"the value of the environment variable {variable} cannot be a key: it holds blanks or odd characters"
        return [Problem("bad_key", message, hint="copy it again")]
    return []


def _body_problems(model: Model) -> list[Problem]:
    taken = sorted({"stream", "messages", "n"} & set(model.extra_body))
    return [
        Problem("extra_body_taken", f"extra_body of model '{model.model}' may not set '{name}'", hint="leave it out")
        for name in taken
    ]
