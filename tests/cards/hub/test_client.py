"""What the Hub's client is helped with: waiting as it is asked to, and a CI job's identity in place of a token."""

from __future__ import annotations

import email.utils
import time

import pytest

from bezoar_data.cards.hub import client
from bezoar_data.cards.hub.client import hub_errors, keyless
from bezoar_data.cards.hub.upload import RepoContents, plan_upload, send
from bezoar_data.config.errors import InputError, ProviderAway
from support.hub_server import JOB, Hub

REPO = "tester/small"
CONTENTS = RepoContents("dataset", {"README.md": b"Mine.\n"}, "0123456789abcdef", "", lambda path: False)


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(client.time, "sleep", seconds.append)
    return seconds


def publish() -> str:
    return send(plan_upload(CONTENTS, REPO), public=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"RateLimit": '"api";r=0;t=55', "Retry-After": "7"}, 55),
        ({"Retry-After": "in 300 s"}, 300),
    ],
)
def test_every_request_is_made_again_when_the_hub_says(
    hub: Hub, waited: list[float], capsys: pytest.CaptureFixture[str], headers: dict[str, str], seconds: int
) -> None:
    if headers["Retry-After"] == "in 300 s":
        headers = {"Retry-After": email.utils.formatdate(time.time() + 300, usegmt=True)}
    hub.with_faults = headers
    path = f"/api/datasets/{REPO}"
    requests = ["POST /api/repos/create", f"POST {path}/commit", f"DELETE {path}/tag", f"POST {path}/tag"]
    hub.faults = {part: [429, 2] for part in [*requests, f"PUT {path}/settings"]}
    assert publish() == f"{hub.url}/datasets/{REPO}"
    assert waited == [pytest.approx(seconds, abs=60 if seconds == 300 else 0)] * 10
    assert "the Hub asks for patience" in capsys.readouterr().err
    repo = hub.repos[REPO]
    assert (repo.private, repo.tags, len(repo.commits)) == (False, {CONTENTS.tag: repo.head}, 2)
    hub.faults = {f"GET {path}": [503, 2]}
    assert plan_upload(CONTENTS, REPO).is_unchanged


def test_it_does_not_wait_for_ever_nor_unasked(hub: Hub, waited: list[float]) -> None:
    hub.faults["POST /api/repos/create"] = [429, 99]
    for headers, times in (({}, 0), ({"Retry-After": "90000"}, 0), ({"Retry-After": "1"}, 4)):
        hub.with_faults = headers
        with pytest.raises(ProviderAway, match="the same command again"):
            publish()
        assert len(waited) == times
    assert hub.repos == {}


@pytest.fixture
def job(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A job of GitHub Actions that may prove who it is."""
    from huggingface_hub.utils import _auth

    monkeypatch.setattr(_auth, "_OIDC_TOKEN_CACHE", None)
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setenv("HF_OIDC_RESOURCE", "")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_URL", f"{hub.url}/actions/identity")
    monkeypatch.setenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN", JOB)
    return monkeypatch


def test_a_ci_job_publishes_without_a_stored_token(hub: Hub, job: pytest.MonkeyPatch) -> None:
    hub.trusting.add(f"datasets/{REPO}")
    keyless(REPO, "dataset")
    publish()
    assert hub.repos[REPO].files["README.md"] == b"Mine.\n"
    assert hub.sent("POST /oauth/token") == 1


def test_a_job_that_is_not_trusted_or_may_not_prove_itself_is_told(hub: Hub, job: pytest.MonkeyPatch) -> None:
    keyless(REPO, "model")
    with pytest.raises(InputError, match="permission denied"):
        publish()
    job.delenv("ACTIONS_ID_TOKEN_REQUEST_URL")
    with pytest.raises(InputError, match="no token for this CI job") as told, hub_errors(REPO):
        publish()
    assert "id-token: write" in told.value.problems[0].hint
    # Whoever has a token, or is in no such job, is left alone.
    for name, value in (("HF_TOKEN", "hf_" + "t" * 34), ("GITHUB_ACTIONS", "false")):
        job.setenv("HF_OIDC_RESOURCE", "")
        job.setenv(name, value)
        keyless(REPO, "dataset")
        assert not client.os.environ["HF_OIDC_RESOURCE"]
        job.setenv("HF_TOKEN", "")
    assert hub.repos == {}
