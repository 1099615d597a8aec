"""A headless Chromium, driven over chromedriver's own HTTP interface (W3C WebDriver): no library stands between."""

from __future__ import annotations

import base64
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import requests

from support.ports import free_port
from support.waiting import PATIENCE

T = TypeVar("T")
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004", "Down": "\ue015", "End": "\ue010", "Right": "\ue014"}
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


def missing() -> str:
    """Why there can be no browser here; empty: there can."""
    lacking = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"no {' and no '.join(lacking)}: apt install chromium chromium-driver" if lacking else ""


class Browser:
    """One window."""

    def __init__(self, session: str) -> None:
        self._session = session

    def _ask(self, method: str, path: str, **value: Any) -> Any:
        body = value if method == "POST" else None
        answer = requests.request(method, f"{self._session}/{path}", json=body, timeout=2 * PATIENCE).json()["value"]
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{answer['error']}: {answer['message'].splitlines()[0]}")
        return answer

    def open(self, url: str) -> None:
        self._ask("POST", "url", url=url)

    def run(self, script: str, *arguments: Any) -> Any:
        return self._ask("POST", "execute/sync", script=script, args=list(arguments))

    def run_to_end(self, script: str, *arguments: Any) -> Any:
        """A script that calls its last argument when it is done, with what comes of it."""
        return self._ask("POST", "execute/async", script=script, args=list(arguments))

    def find(self, css: str) -> str:
        """An element that is there, waited for."""
        return str(self.wait(lambda: self._ask("POST", "element", using="css selector", value=css))[_ELEMENT])

    def click(self, css: str) -> None:
        self.wait(lambda: self._ask("POST", f"element/{self.find(css)}/click") or True)

    def type(self, css: str, text: str) -> None:
        self._ask("POST", f"element/{self.find(css)}/value", text=text)

    def press(self, *keys: str) -> None:
        """Keys, one after the other, to whatever has the focus: letters, or names of `KEYS`."""
        acts = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self._ask("POST", "actions", actions=[{"type": "key", "id": "keyboard", "actions": acts}])

    def devtools(self, command: str, **parameters: Any) -> Any:
        """A command of Chromium's own, such as `Emulation.setEmulatedMedia`."""
        return self._ask("POST", "goog/cdp/execute", cmd=command, params=parameters)

    def complaints(self) -> list[str]:
        """What stands in the console since it was last asked for: errors, and what the page's policy forbade."""
        said = self._ask("POST", "se/log", type="browser")
        return [one["message"] for one in said if one["level"] in ("SEVERE", "WARNING")]

    def wait(self, what: Callable[[], T], within: float = PATIENCE) -> T:
        """What it gives once it gives something."""
        end = time.monotonic() + within
        while True:
            try:
                if found := what():
                    return found
                error: Exception = TimeoutError("nothing came")
            except RuntimeError as gone:
                error = gone
            if time.monotonic() > end:
                raise error
            time.sleep(0.1)

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._ask("GET", "screenshot")))


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own, gone afterwards."""
    port = free_port()
    driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _window(f"http://127.0.0.1:{port}")
    finally:
        driver.terminate()
        driver.wait()


def _window(driver: str) -> Browser:
    options = {"args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1500,1000"]}
    always = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
    wanted = {"capabilities": {"alwaysMatch": always}}
    end = time.monotonic() + PATIENCE
    while True:
        try:
            made = requests.post(f"{driver}/session", json=wanted, timeout=2 * PATIENCE).json()["value"]
            return Browser(f"{driver}/session/{made['sessionId']}")
        except (requests.ConnectionError, KeyError):
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
