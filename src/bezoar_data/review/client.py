"""The connection to Argilla: the server of `review serve`, or the user's own.

Argilla's SDK makes users, workspaces, datasets with their settings, and records. Its objects leave out an answer's id
and times, answers without a value, and a dataset's metadata; only these are read and written over HTTP: `ask`,
`dataset`, `records`, through the SDK's own HTTP client.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bezoar_data.config.errors import InputError, ProviderAway
from bezoar_data.config.problems import Problem
from bezoar_data.llms.redact import redact, register_secret
from bezoar_data.review.data_dir import DataDir, default_data_dir

if TYPE_CHECKING:
    import httpx

BATCH = 250
"""Records sent at once; Argilla takes 500."""
_PAGE = 1000
_TIMEOUT = 120


def argilla_sdk() -> Any:
    """The package `argilla`. Raises `InputError` where it is not installed."""
    try:
        with warnings.catch_warnings():  # of its own use of pydantic
            warnings.simplefilter("ignore")
            import argilla
    except ImportError as error:
        hint = "pip install 'bezoar-data[review]'"
        raise InputError(Problem("no-argilla", f"review needs Argilla's SDK: {error}", hint=hint)) from error
    return argilla


class ArgillaClient:
    """A connection; `sdk` is an `argilla.Argilla`. Raises `InputError` where a key or a request is refused,
    `ProviderAway` where there is no answer."""

    def __init__(self, url: str, key: str) -> None:
        rg = argilla_sdk()
        self.url = url.rstrip("/")
        register_secret(key)
        # No proxy stands between us and the server of `review serve`.
        direct = {"all://127.0.0.1": None, "all://localhost": None}
        with self.errors():
            self.sdk = rg.Argilla(
                api_url=self.url, api_key=key, timeout=_TIMEOUT, retries=0, mounts=direct, follow_redirects=True,
                event_hooks={"response": [_stay]},
            )  # fmt: skip

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Turns what the SDK and its HTTP client raise into our errors."""
        import httpx
        from argilla.client import ArgillaError

        try:
            yield
        except (httpx.TransportError, httpx.InvalidURL, UnicodeError) as error:
            hint = "start it with: bezoar-data review serve"
            raise ProviderAway(f"Argilla at {self.url} does not answer ({type(error).__name__}); {hint}") from error
        except (ArgillaError, httpx.HTTPStatusError) as error:
            raise self._refused(error) from error
        except ValueError as error:
            hint = "ARGILLA_API_URL is the address of an Argilla 2 server, such as http://127.0.0.1:6900"
            raise InputError(Problem("not-argilla", f"there is no Argilla at {self.url}", hint=hint)) from error

    def _refused(self, error: BaseException) -> InputError:
        # The SDK raises errors from others: the first of them has the server's answer.
        while error.__cause__ or error.__context__:
            error = error.__cause__ or error.__context__  # type: ignore[assignment]
        answer = getattr(error, "response", None)
        status = answer.status_code if answer is not None else 0
        if status in (401, 403):
            message = "authentication failed" if status == 401 else "the key's user may not do this"
            hint = "put an owner's or admin's API key into ARGILLA_API_KEY (in the UI under 'My settings')"
            return InputError(Problem("argilla-key", f"Argilla at {self.url}: {message} (HTTP {status})", hint=hint))
        detail = answer.text if answer is not None else str(error)
        request = f"{answer.request.method} {answer.request.url.path} (HTTP {status})" if answer is not None else ""
        return InputError(Problem("argilla-refused", f"Argilla refused {request}: {redact(detail)[:400]}"))

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """The JSON with which the HTTP interface answers."""
        with self.errors():
            answer = self.sdk.http_client.request(method, f"/api/v1/{path}", **more)
            answer.raise_for_status()
            return answer.json() if answer.content else None

    def usernames(self) -> dict[str, str]:
        """Names of users by their ids."""
        with self.errors():
            return {str(user.id): user.username for user in self.sdk.users}

    def workspace(self, name: str, *, create: bool = False) -> Any:
        """The workspace; None where there is none."""
        with self.errors():
            found = next((one for one in self.sdk.workspaces if one.name == name), None)
            if found is None and create:
                return argilla_sdk().Workspace(name=name, client=self.sdk).create()
            return found

    def add_annotator(self, workspace: Any, name: str, password: str = "") -> None:
        """Let a person review in this workspace; created with the password where the name is new."""
        rg = argilla_sdk()
        with self.errors():
            user = next((one for one in self.sdk.users if one.username == name), None)
            if user is None:
                user = rg.User(username=name, role="annotator", password=password, client=self.sdk).create()
            if user.role != "owner" and name not in {member.username for member in workspace.users}:
                workspace.add_user(user)

    def dataset(self, workspace: str, name: str) -> dict[str, Any] | None:
        """A dataset with its metadata; None where there is none."""
        place = self.workspace(workspace)
        found = self.ask("GET", f"me/datasets?workspace_id={place.id}")["items"] if place is not None else []
        return next((one for one in found if one["name"] == name), None)

    def records(self, dataset: str, include: str = "responses") -> Iterator[dict[str, Any]]:
        """All records. They come from Argilla's tables, not from its search, so none is missed."""
        offset = 0
        while True:
            page = self.ask("GET", f"datasets/{dataset}/records?include={include}&limit={_PAGE}&offset={offset}")
            yield from page["items"]
            offset += _PAGE
            if len(page["items"]) < _PAGE:
                return


def connect(data: DataDir | None = None) -> ArgillaClient:
    """The user's own Argilla if `ARGILLA_API_URL` names one, else the running `review serve`. Raises `InputError`."""
    url, key = os.environ.get("ARGILLA_API_URL"), os.environ.get("ARGILLA_API_KEY")
    if url:
        if not key:
            raise InputError(Problem("no-argilla-key", "ARGILLA_API_URL is set, but ARGILLA_API_KEY is not"))
        if not url.startswith(("http://", "https://")):
            hint = "e.g. http://127.0.0.1:6900"
            raise InputError(Problem("bad-argilla-url", f"ARGILLA_API_URL is not an address: {url}", hint=hint))
        return ArgillaClient(url, key)
    data = data or DataDir(default_data_dir())
    address = data.address()
    if address is None:
        hint = "start it in another terminal, or set ARGILLA_API_URL and ARGILLA_API_KEY"
        raise InputError(Problem("no-review-server", "no review server runs (bezoar-data review serve)", hint=hint))
    return ArgillaClient(address, data.read_secrets()["owner"]["api_key"])


def _stay(response: httpx.Response) -> None:
    """Refuse to be sent to another host: httpx would take Argilla's key along, which is not `Authorization`."""
    to = response.url.join(response.headers.get("location", ""))
    if response.has_redirect_location and to.host != response.url.host:
        said = f"{response.url.host} sends on to {to.scheme}://{to.netloc.decode()}"
        raise InputError(Problem("argilla-elsewhere", said, hint="if that is Argilla, let ARGILLA_API_URL name it"))
