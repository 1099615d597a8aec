"""Argilla's HTTP interface, as far as review needs it: the server of `review serve`, or the user's own.

The interface is asked directly: Argilla's Python client has neither an answer's time nor its id, and drops what it
does not know.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bezoar_data.config.errors import InputError, ProviderAway
from bezoar_data.config.problems import Problem
from bezoar_data.review.data_dir import Home, default_home

BATCH = 250
"""Records sent at once; Argilla takes 500."""
_PAGE = 1000
_TIMEOUT = (5.0, 120.0)


class Argilla:
    """A connection. Raises `InputError` where a key or a request is refused, `ProviderAway` where nobody answers."""

    def __init__(self, url: str, key: str) -> None:
        import requests

        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.headers["X-Argilla-Api-Key"] = key
        # The server of `review serve` is on loopback: no proxy stands between.
        if self.url.startswith(("http://127.0.0.1", "http://localhost")):
            self._session.trust_env = False

    def ask(self, method: str, path: str, *, missing: bool = False, **more: Any) -> Any:
        """The answer's JSON; with `missing`, None where there is no such thing (404)."""
        import requests

        try:
            answer = self._session.request(method, f"{self.url}/api/v1/{path}", timeout=_TIMEOUT, **more)
        except (requests.RequestException, UnicodeError) as error:
            hint = "start it with: bezoar-data review serve"
            raise ProviderAway(f"Argilla at {self.url} does not answer ({type(error).__name__}); {hint}") from error
        if answer.status_code in (401, 403):
            message = f"Argilla at {self.url} does not accept the key" if answer.status_code == 401 else ""
            message = message or f"the key's user may not do this at {self.url}: {method} {path.split('/')[0]}"
            hint = "put an owner's or admin's API key into ARGILLA_API_KEY (in the UI under 'My settings')"
            raise InputError(Problem("argilla-key", message, hint=hint))
        if answer.status_code == 404 and missing:
            return None
        try:
            value = answer.json() if answer.content else None
        except ValueError as error:
            hint = "ARGILLA_API_URL is the address of an Argilla 2 server, such as http://127.0.0.1:6900"
            raise InputError(
                Problem("not-argilla", f"{self.url} does not answer as Argilla does", hint=hint)
            ) from error
        if not answer.ok:
            told = json.dumps(value.get("detail", value) if isinstance(value, dict) else value, ensure_ascii=False)
            message = f"Argilla refused {method} {path.split('?')[0]} ({answer.status_code}): {told[:400]}"
            raise InputError(Problem("argilla-refused", message))
        return value

    def users(self) -> dict[str, dict[str, Any]]:
        """Users by id."""
        return {user["id"]: user for user in self.ask("GET", "users")["items"]}

    def workspace(self, name: str, *, create: bool = False) -> str | None:
        found = [w["id"] for w in self.ask("GET", "me/workspaces")["items"] if w["name"] == name]
        if not found and create:
            found = [self.ask("POST", "workspaces", json={"name": name})["id"]]
        return found[0] if found else None

    def annotator(self, workspace: str, name: str, password: str) -> bool:
        """Let a person review in this workspace; whether they had to be created."""
        known = {user["username"]: user for user in self.users().values()}
        user = known.get(name) or self.ask(
            "POST", "users", json={"first_name": name, "username": name, "role": "annotator", "password": password}
        )
        members = {m["username"] for m in self.ask("GET", f"workspaces/{workspace}/users")["items"]}
        if name not in members and user["role"] != "owner":
            self.ask("POST", f"workspaces/{workspace}/users", json={"user_id": user["id"]})
        return name not in known

    def dataset(self, workspace: str, name: str) -> dict[str, Any] | None:
        for found in self.ask("GET", f"me/datasets?workspace_id={workspace}")["items"]:
            if found["name"] == name:
                value: dict[str, Any] = found
                return value
        return None

    def records(self, dataset: str, include: str = "responses") -> Iterator[dict[str, Any]]:
        """All records. They come from Argilla's tables, not from its search, so none is missed."""
        offset = 0
        while True:
            page = self.ask("GET", f"datasets/{dataset}/records?include={include}&limit={_PAGE}&offset={offset}")
            yield from page["items"]
            offset += _PAGE
            if len(page["items"]) < _PAGE:
                return

    def put_records(self, dataset: str, records: Sequence[Mapping[str, Any]]) -> None:
        for start in range(0, len(records), BATCH):
            batch = records[start : start + BATCH]
            self.ask("PUT", f"datasets/{dataset}/records/bulk", json={"items": batch})


def connect(home: Home | None = None) -> Argilla:
    """The user's own Argilla if `ARGILLA_API_URL` names one, else the running `review serve`. Raises `InputError`."""
    url, key = os.environ.get("ARGILLA_API_URL"), os.environ.get("ARGILLA_API_KEY")
    if url:
        if not key:
            raise InputError(Problem("no-argilla-key", "ARGILLA_API_URL is set, but ARGILLA_API_KEY is not"))
        if not url.startswith(("http://", "https://")):
            hint = "e.g. http://127.0.0.1:6900"
            raise InputError(Problem("bad-argilla-url", f"ARGILLA_API_URL is no address: {url}", hint=hint))
        return Argilla(url, key)
    home = home or Home(default_home())
    address = home.address()
    if address is None:
        hint = "start it in another terminal, or set ARGILLA_API_URL and ARGILLA_API_KEY"
        raise InputError(Problem("no-review-server", "no review server runs (bezoar-data review serve)", hint=hint))
    return Argilla(address, home.read_secrets()["owner"]["api_key"])
