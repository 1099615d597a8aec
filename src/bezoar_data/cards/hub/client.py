"""The Hub's client, and its errors as ours."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from bezoar_data.config.errors import InputError, ProviderAway
from bezoar_data.config.problems import Place, Problem
from bezoar_data.llms.redact import redact

if TYPE_CHECKING:
    from huggingface_hub import HfApi

RepoType = Literal["dataset", "model"]


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
    """The client. Its token comes from `HF_TOKEN` or the Hub's own login, and is never read here."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    return HfApi(library_name="bezoar-data")


@contextmanager
def hub_errors(repo: str) -> Iterator[None]:
    """Turn the Hub's errors into ours: `InputError` for what a person can correct, `ProviderAway` for what passes."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        yield
    except HFValidationError as error:
        raise _wrong(repo, "repo-name", redact(str(error)), "name it as ORGANISATION/NAME") from None
    except LocalEntryNotFoundError as error:
        raise ProviderAway(f"the Hub cannot be reached: {redact(str(error))}. The same command goes on") from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        raise _of_status(repo, status, redact(str(error))) from None
    except OSError as error:
        raise ProviderAway(f"the Hub cannot be reached: {redact(str(error))}. The same command goes on") from None
    except Exception as error:
        if not _of_transport(error) and not _of_transport(error.__cause__):
            raise
        raise ProviderAway(f"the Hub cannot be reached: {redact(str(error))}. The same command goes on") from None


def _of_transport(error: BaseException | None) -> bool:
    """Whether the client's own transport raised it; a failed upload stands behind a plain `RuntimeError`."""
    return isinstance(error, OSError) or type(error).__module__.split(".")[0] in ("httpx2", "httpcore2")


def _of_status(repo: str, status: int, text: str) -> InputError | ProviderAway:
    said = " ".join(text.split())[:300]
    if status == 401:
        hint = "put a token into HF_TOKEN, or sign in with `hf auth login`"
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
        return ProviderAway(f"the Hub is unavailable (HTTP {status}). The same command goes on: {said}")
    return _wrong(repo, "hub-refused", f"the Hub refused the request (HTTP {status}): {said}", "")


def _wrong(repo: str, code: str, message: str, hint: str) -> InputError:
    return InputError(Problem(code, message, Place(repo), hint))
