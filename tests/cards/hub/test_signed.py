"""A signature on its way to a Hub over real HTTP and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.command import Outcome, bezoar
from support.hub_server import Hub
from support.lies import Liar, copied
from support.ssh_keys import ALONE, needs_ssh_keygen, public

pytestmark = needs_ssh_keygen
REPO = "tester/small"
SIGNED = ("SHA256SUMS", "SHA256SUMS.sig")


@pytest.fixture
def liar(honest: Path, tmp_path: Path) -> Liar:
    return copied(honest, tmp_path)


def publish(liar: Liar, *more: str | Path) -> Outcome:
    allow = ("--allow", "unknown-licence")
    return bezoar("publish", liar.run, "--to", REPO, *allow, "--json", *more, env=ALONE)


def pull(tmp_path: Path, by: Path | None) -> Outcome:
    named = ("--signed-by", by) if by else ()
    return bezoar("pull", REPO, "--out", tmp_path / "got", "--json", *named, env=ALONE)


def told(done: Outcome) -> list[str]:
    assert done.code == 4, done.out + done.err
    return [problem["code"] for problem in done.json["problems"]]


def test_a_signature_travels_to_the_hub_and_back_and_a_second_publish_sends_nothing(
    liar: Liar, tmp_path: Path, hub: Hub, ssh_key: Path
) -> None:
    done = publish(liar, "--sign", ssh_key)
    assert done.code == 0, done.out + done.err
    assert {*SIGNED} <= set(done.json["new"])
    assert done.json["signed_with"].startswith("ED25519 SHA256:")
    assert not (liar.dataset / SIGNED[0]).exists()
    repo = hub.repos[REPO]
    names = [line[66:] for line in repo.files["SHA256SUMS"].decode().splitlines()]
    assert names == sorted(set(repo.files) - {*SIGNED, ".gitattributes"})
    assert "pipeline.yaml" in names

    repo.add({**repo.files, ".gitattributes": b"*.parquet filter=lfs\n"})
    again = publish(liar, "--sign", ssh_key)
    assert (again.json["new"], again.json["changed"], again.json["removed"]) == ([], [], [])

    got = pull(tmp_path, public(ssh_key))
    assert got.code == 0, got.out + got.err
    assert got.json["signature"] == {"key": done.json["signed_with"], "signed_by": "anna@example.org"}
    checked = bezoar("card", "check", tmp_path / "got", "--signed-by", public(ssh_key))
    assert "signed by anna@example.org" in checked.out


def test_what_was_changed_on_the_hub_or_sent_by_another_is_not_pulled(
    liar: Liar, tmp_path: Path, hub: Hub, ssh_key: Path
) -> None:
    assert publish(liar, "--sign", ssh_key).code == 0
    repo = hub.repos[REPO]
    honest = repo.files
    lied = honest["README.md"].replace(b"Words of a person.", b"In the public domain.")
    repo.add({**honest, "README.md": lied})
    assert told(pull(tmp_path, public(ssh_key))) == ["signed-changed"]
    assert told(pull(tmp_path, None)) == ["signed-changed"]
    repo.add({name: data for name, data in honest.items() if name not in SIGNED})
    assert told(pull(tmp_path, public(ssh_key))) == ["not-signed"]
    assert pull(tmp_path, None).code == 0
    missing = pull(tmp_path, tmp_path / "nobody.pub")
    assert [problem["code"] for problem in missing.json["problems"]] == ["no-signers"]


def test_a_build_that_follows_without_a_signature_takes_it_away_and_says_so(
    liar: Liar, hub: Hub, ssh_key: Path
) -> None:
    assert publish(liar, "--sign", ssh_key).code == 0
    done = bezoar("publish", liar.run, "--to", REPO, "--allow", "unknown-licence", "--dry-run")
    assert "the build that was there is signed, this one is not" in done.out
    assert publish(liar).json["removed"] == [*SIGNED]
    assert not {*SIGNED} & set(hub.repos[REPO].files)


def test_a_folders_own_signature_goes_up_while_it_holds(liar: Liar, hub: Hub, ssh_key: Path) -> None:
    assert bezoar("card", "sign", liar.run, "--key", ssh_key).code == 0
    assert {*SIGNED} <= set(publish(liar).json["new"])
    liar.readme("Words of a person.", "Words put better.")
    refused = publish(liar)
    assert told(refused) == ["signed-changed"]
    assert "--sign KEY" in refused.json["problems"][0]["hint"]
    assert publish(liar, "--sign", ssh_key).json["changed"] == ["README.md", *SIGNED]
    liar.readme("Words put better.", "Words of a person.")
    (liar.dataset / SIGNED[1]).write_text("none")
    assert told(publish(liar)) == ["signature-wrong"]
    (liar.dataset / SIGNED[1]).unlink()
    assert told(publish(liar)) == ["not-signed"]


def test_what_cannot_be_signed_is_told_before_anything_else(
    tmp_path: Path, liar: Liar, hub: Hub, ssh_key: Path
) -> None:
    trained = Liar(tmp_path / "trained")
    trained.run.mkdir()
    (trained.run / "stage.json").write_text("{}")
    for done, code in (
        (publish(liar, "--sign", tmp_path / "nowhere"), "key-missing"),
        (publish(trained, "--sign", ssh_key), "no-signature"),
    ):
        assert (done.code, [problem["code"] for problem in done.json["problems"]]) == (2, [code])
    assert hub.requests == []
