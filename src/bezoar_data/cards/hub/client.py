"""The Hub's client, its errors as ours, and waiting where it asks for it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeVar

from bezoar_data.config.errors import InputError, ProviderAway
from bezoar_data.config.problems import Place, Problem
from bezoar_data.llms.providers.common.http import retry_after
from bezoar_data.llms.redact import redact

if TYPE_CHECKING:
    from huggingface_hub import HfApi

_T = TypeVar("_T")
RepoType = Literal["dataset", "model"]

_TRIES, _LONGEST = 5, 600.0
"""So often a request is sent that the Hub put off, and so many seconds it is waited for at most."""


def check_repo(*names: str | None) -> None:
    """Raises `InputError` for what no repository of the Hub can be called, before anything is read or sent."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    problems = []
    for name in names:
        try:
            validate_repo_id(name)
            if name is not None and not all(name.partition("/")):
                raise HFValidationError("it has no owner")
        except HFValidationError as error:
            hint = "name it as OWNER/NAME, the owner being you or an organisation: my-name/orca"
            problems.append(Problem("repo-name", f"no repository can be called so: {error}", Place(str(name)), hint))
    if problems:
        raise InputError(problems)


def hub() -> HfApi:
    """The client. Its token comes from `HF_TOKEN`, from the Hub's own login, or for a while from a CI job's identity
    (`keyless`), and is never read here."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    return HfApi(library_name="bezoar-data")


def keyless(repo: str, kind: RepoType) -> None:
    """In a job of GitHub Actions that may prove who it is, and has no token: let the Hub's client ask for one for this
    repository (OIDC; the Hub calls it a trusted publisher)."""
    may = os.environ.get("GITHUB_ACTIONS") == "true" and os.environ.get("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
    if may and not any(os.environ.get(name) for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_OIDC_RESOURCE")):
        os.environ["HF_OIDC_RESOURCE"] = f"datasets/{repo}" if kind == "dataset" else repo


def patiently(call: Callable[[], _T]) -> _T:
    """The call's answer; where the Hub puts it off and says until when (`Retry-After`, `RateLimit`), it is made again
    then. Its client does so by itself for large files and listings alone."""
    from huggingface_hub.errors import HfHubHTTPError

    for left in reversed(range(_TRIES)):
        try:
            return call()
        except HfHubHTTPError as error:
            wait = _asked_to_wait(error.response.status_code, error.response.headers)
            if not left or wait is None or wait > _LONGEST:
                raise
            print(f"note: the Hub asks for patience: going on in {wait:,.0f} s", file=sys.stderr)  # noqa: T201
            time.sleep(wait)
    raise AssertionError


def _asked_to_wait(status: int, headers: Mapping[str, str]) -> float | None:
    from huggingface_hub.utils import parse_ratelimit_headers

    if status not in (429, 503):
        return None
    limit = parse_ratelimit_headers(headers)
    return float(limit.reset_in_seconds) if limit and not limit.remaining else retry_after(headers.get("retry-after"))


@contextmanager
def hub_errors(repo: str) -> Iterator[None]:
    """Turn the Hub's errors into ours: `InputError` for what a person can correct, `ProviderAway` for what passes."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OIDCError

    try:
        yield
    except OIDCError as error:
        hint = "let the job ask for an identity (permissions: id-token: write), or put a token into HF_TOKEN"
        raise _wrong(repo, "hub-unauthorised", f"no token for this CI job: {redact(str(error))}", hint) from None
    except HFValidationError as error:
        raise _wrong(repo, "repo-name", redact(str(error)), "name it as ORGANISATION/NAME") from None
    except LocalEntryNotFoundError as error:
        raise _away(error) from None
    except HfHubHTTPError as error:
        status, headers = (0, {}) if error.response is None else (error.response.status_code, error.response.headers)
        raise _of_status(repo, status, redact(str(error)), _asked_to_wait(status, headers)) from None
    except OSError as error:
        raise _away(error) from None
    except Exception as error:
        if not _of_transport(error) and not _of_transport(error.__cause__):
            raise
        raise _away(error) from None


def _away(error: Exception) -> ProviderAway:
    said = redact(str(error)).rstrip(".")
    return ProviderAway(f"the Hub cannot be reached: {said}. Run the same command again later")


def _of_transport(error: BaseException | None) -> bool:
    """Whether the client's own transport raised it; a failed upload stands behind a plain `RuntimeError`."""
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in ("httpx2", "httpcore2")


def _of_status(repo: str, status: int, text: str, wait: float | None) -> InputError | ProviderAway:
    said = " ".join(text.split())[:300]
    if status == 401:
        hint = "put a token into HF_TOKEN, or sign in with `hf auth login`; for a CI job name a trusted publisher there"
        return _wrong(repo, "hub-unauthorised", f"authentication failed (HTTP 401): {said}", hint)
    if status == 403:
        hint = "use a token that may write to this repository"
        return _wrong(repo, "hub-forbidden", f"permission denied (HTTP 403): {said}", hint)
    if status == 404:
        hint = "check the name and the revision, and that your token may read it"
        return _wrong(repo, "hub-not-found", f"the Hub has no such repository, revision or file: {said}", hint)
    if status in (409, 412):
        return _wrong(
            repo, "hub-conflict", "somebody else changed the repository meanwhile", "run the same command again"
        )
    if status == 429 or status >= 500:
        when = "" if wait is None else f", from {wait:,.0f} s on"
        return ProviderAway(f"the Hub is unavailable (HTTP {status}). Run the same command again{when}: {said}")
    return _wrong(repo, "hub-refused", f"the Hub refused the request (HTTP {status}): {said}", "")


def _wrong(repo: str, code: str, message: str, hint: str) -> InputError:
    return InputError(Problem(code, message, Place(repo), hint))
