"""A signature by the real ssh-keygen: made, verified, and refuted by whatever changed after it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bezoar_data.cards.render import card_renderer
from bezoar_data.cards.signing.signature import sign_files, sign_folder
from bezoar_data.engine.review.merge import merge_review
from bezoar_data.runs.folder import RunFolder
from bezoar_data.runs.reviewed import read_answers, write_answers
from bezoar_data.runs.signed import SIGNATURE, SUMS, files_to_sign, hashes_of, sums_text
from support.command import Outcome, bezoar
from support.lies import Liar, copied
from support.planted_lies import file
from support.projects import Project, run_here
from support.ssh_keys import ALONE, agent, make_key, needs_ssh_keygen, public

pytestmark = needs_ssh_keygen


@pytest.fixture
def key(ssh_key: Path) -> Path:
    return ssh_key


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("eve"), "eve@example.org")


@pytest.fixture
def signed(honest: Path, tmp_path: Path, key: Path) -> Liar:
    liar = copied(honest, tmp_path)
    done = bezoar("card", "sign", liar.run, "--key", key, env=ALONE)
    assert done.code == 0, done.err
    assert "signed with the key ED25519 SHA256:" in done.out
    return liar


def check(liar: Liar, by: Path | None) -> Outcome:
    return bezoar("card", "check", liar.run, "--json", *(["--signed-by", by] if by else []), env=ALONE)


def codes(done: Outcome) -> list[str]:
    assert done.code in (0, 4), done.out + done.err
    return [problem["code"] for problem in done.json["problems"]]


def test_whom_a_reader_trusts_is_a_public_key_several_or_an_allowed_signers_file(
    signed: Liar, tmp_path: Path, key: Path, stranger: Path
) -> None:
    mine, theirs = (public(one).read_text() for one in (key, stranger))
    for text, who in (
        (mine, "anna@example.org"),
        (theirs + "\n# and\n" + mine.rpartition(" ")[0] + "\n", ""),
        (f'anna,anna@example.com namespaces="bezoar-data,git" {mine}eve {theirs}', "anna"),
    ):
        trusted = tmp_path / "trusted"
        trusted.write_text(text)
        done = check(signed, trusted)
        assert done.code == 0, done.out
        assert done.json["signature"]["signed_by"] == who
        assert done.json["signature"]["key"].startswith("ED25519 SHA256:")
    said = bezoar("card", "check", signed.run, "--signed-by", public(key)).out
    assert "signed by anna@example.org with the key ED25519" in said
    assert "a signature does" not in said


def test_without_a_name_to_trust_the_key_is_told_and_the_files_are_held_against_the_list(signed: Liar) -> None:
    assert check(signed, None).json["signature"]["signed_by"] is None
    assert "--signed-by checks whose it is" in bezoar("card", "check", signed.run).out
    signed.readme("Words of a person.", "Words of another.")
    assert codes(check(signed, None)) == ["signed-changed"]


def test_ssh_keygen_and_sha256sum_verify_it_alone(signed: Liar, tmp_path: Path, key: Path) -> None:
    """As the documentation says, and as someone without this program would."""
    shutil.copy(signed.run / "pipeline.yaml", signed.dataset)
    (tmp_path / "allowed").write_text(f"anna {public(key).read_text()}")
    verify = ["ssh-keygen", "-Y", "verify", "-f", str(tmp_path / "allowed"), "-I", "anna", "-n", "bezoar-data"]
    with (signed.dataset / SUMS).open("rb") as sums:
        subprocess.run([*verify, "-s", SIGNATURE], cwd=signed.dataset, stdin=sums, check=True, capture_output=True)
    subprocess.run(["sha256sum", "--check", "--strict", SUMS], cwd=signed.dataset, check=True, capture_output=True)
    listed = {line.split("  ")[1] for line in (signed.dataset / SUMS).read_text().splitlines()}
    there = {str(p.relative_to(signed.dataset)) for p in signed.dataset.rglob("*") if p.is_file()}
    assert there - listed == {SUMS, SIGNATURE}


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_the_same_files_and_key_give_the_same_bytes(tmp_path: Path, kind: str) -> None:
    key = make_key(tmp_path, kind=kind)
    files: dict[str, Path | bytes] = {"README.md": b"one", "data/a": b"two", ".gitattributes": b"*", SUMS: b"old"}
    made, _ = sign_files(files, key)
    assert made == sign_files(dict(reversed(files.items())), key)[0]
    assert [line[66:] for line in made[SUMS].decode().splitlines()] == ["README.md", "data/a"]


def replaced_list(liar: Liar) -> None:
    """Who changed a file puts the list right, and cannot sign it."""
    liar.readme("Words of a person.", "In the public domain.")
    (liar.dataset / SUMS).write_bytes(sums_text(hashes_of(files_to_sign(liar.dataset))))


AFTERWARDS: dict[str, tuple[Callable[[Liar], object], set[str]]] = {
    "prose": (lambda liar: liar.readme("Words of a person.", "Kappa 0.99."), {"signed-changed"}),
    "a view": (lambda liar: liar.readme("response: explained_targets", "response: targets"), {"signed-changed"}),
    "the pipeline beside it": (
        lambda liar: liar.text(liar.run / "pipeline.yaml", "seed", "# seed"),
        {"signed-changed"},
    ),
    "a file added": (file("data/more.parquet"), {"signed-added"}),
    "a file removed": (lambda liar: (liar.dataset / "contamination.jsonl").unlink(), {"signed-missing"}),
    "what the Hub adds": (file(".gitattributes", "*.parquet filter=lfs"), set()),
    "the list": (replaced_list, {"signature-wrong"}),
    "the list emptied": (lambda liar: (liar.dataset / SUMS).write_text(""), {"signature-wrong"}),
    "the list removed": (lambda liar: (liar.dataset / SUMS).unlink(), {"not-signed"}),
    "the signature removed": (lambda liar: (liar.dataset / SIGNATURE).unlink(), {"not-signed"}),
    "both removed": (lambda liar: [(liar.dataset / n).unlink() for n in (SUMS, SIGNATURE)], {"not-signed"}),
    "the signature garbled": (lambda liar: (liar.dataset / SIGNATURE).write_text("-----BEGIN"), {"signature-wrong"}),
}


@pytest.mark.parametrize("what", AFTERWARDS)
def test_what_changed_after_it_was_signed_is_told(signed: Liar, key: Path, what: str) -> None:
    change, expected = AFTERWARDS[what]
    change(signed)
    found = {code for code in codes(check(signed, public(key))) if code.startswith("sign") or code == "not-signed"}
    assert expected <= found if expected else not found, found


def test_another_key_is_no_substitute_and_says_whose_it_is_not(signed: Liar, key: Path, stranger: Path) -> None:
    assert codes(check(signed, public(stranger))) == ["signed-by-another"]
    sign_folder(signed.dataset, stranger)
    done = check(signed, public(key))
    assert codes(done) == ["signed-by-another"]
    assert str(public(key)) in done.json["problems"][0]["message"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ('namespaces="git" ', "for other things than bezoar-data"),
        ('valid-before="20200101" ', "expired"),
        ('valid-after="29990101" ', "not yet valid"),
    ],
)
def test_what_an_allowed_signers_file_forbids_is_said(
    signed: Liar, tmp_path: Path, key: Path, options: str, words: str
) -> None:
    (tmp_path / "allowed").write_text(f"anna {options}{public(key).read_text()}")
    (problem,) = check(signed, tmp_path / "allowed").json["problems"]
    assert problem["code"] == "signed-by-another"
    assert words in problem["message"]


def test_a_signature_of_the_same_list_for_something_else_is_none(signed: Liar, key: Path) -> None:
    (signed.dataset / SIGNATURE).unlink()
    command = ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", str(key), SUMS]
    subprocess.run(command, cwd=signed.dataset, check=True, capture_output=True)
    assert codes(check(signed, public(key))) == ["signature-wrong"]


def test_a_file_of_signers_that_cannot_be_read_is_told_line_by_line(signed: Liar, tmp_path: Path, key: Path) -> None:
    mine = public(key).read_text()
    trusted = tmp_path / "trusted"
    trusted.write_text(f"{mine}anna\n\nssh-ed25519 AAAAC3NzaC1lZDI1\nanna ssh-rsa {mine.split()[1]}\n")
    done = check(signed, trusted)
    assert done.code == 2
    assert [(p["code"], p["line"]) for p in done.json["problems"]] == [("signers-malformed", n) for n in (2, 4, 5)]
    for text, code in (("# nobody\n", "signers-empty"), (None, "no-signers")):
        trusted.write_text(text) if text else trusted.unlink()
        assert [p["code"] for p in check(signed, trusted).json["problems"]] == [code]
    alone = shutil.copy(key, tmp_path / "alone")
    for private in (key, alone):
        done = check(signed, Path(private))
        assert [p["code"] for p in done.json["problems"]] == ["signers-private"]
        assert key.read_text().splitlines()[1] not in done.out + done.err


def sign(liar: Liar, key: Path, **more: str) -> Outcome:
    return bezoar("card", "sign", liar.run, "--key", key, "--json", env={**ALONE, **more})


def test_an_encrypted_key_needs_an_agent_where_nobody_can_be_asked(honest: Path, tmp_path: Path) -> None:
    locked = make_key(tmp_path / "k", passphrase="correct horse")
    liar = copied(honest, tmp_path)
    done = sign(liar, locked)
    assert (done.code, [p["code"] for p in done.json["problems"]]) == (2, ["key-locked"])
    assert "ssh-add" in done.json["problems"][0]["hint"]
    assert [p["code"] for p in sign(liar, public(locked)).json["problems"]] == ["key-locked"]
    assert not (liar.dataset / SUMS).exists()
    # The same key without its passphrase, held by an agent: only the public half is named.
    opened = Path(shutil.copytree(tmp_path / "k", tmp_path / "o")) / locked.name
    change = ["ssh-keygen", "-q", "-p", "-P", "correct horse", "-N", "", "-f", str(opened)]
    subprocess.run(change, check=True, capture_output=True)
    with agent(tmp_path, opened) as environment:
        assert sign(liar, public(locked), **environment).code == 0
        assert sign(liar, locked, **environment).code == 0
    assert check(liar, public(locked)).code == 0


def test_a_key_that_cannot_be_used_is_told_with_its_remedy(
    honest: Path, tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar = copied(honest, tmp_path)
    shutil.copy(public(key), tmp_path / "only.pub")
    (tmp_path / "junk").write_text("no key")
    (tmp_path / "junk").chmod(0o600)
    shutil.copy(key, tmp_path / "open").chmod(0o644)
    for name, code, words in (
        ("nowhere", "key-missing", "ssh-keygen -t ed25519"),
        ("test", "key-missing", ""),
        ("only.pub", "key-not-held", "ssh-add"),
        ("junk", "no-key", ".pub"),
        ("open", "key-open", "chmod 600"),
    ):
        done = sign(liar, tmp_path / name)
        assert done.code == 2, done.out + done.err
        (problem,) = done.json["problems"]
        assert problem["code"] == code, problem
        assert words in problem["hint"]
    sign_folder(liar.dataset, key)
    monkeypatch.setenv("PATH", str(tmp_path))
    for done in (sign(liar, key), check(liar, public(key))):
        assert (done.code, [p["code"] for p in done.json["problems"]]) == (2, ["no-ssh-keygen"])
        assert "openssh-client" in done.json["problems"][0]["hint"]
    done = check(liar, None)
    assert done.json["signature"] == {"key": None, "signed_by": None}


def test_what_does_not_hold_is_not_signed(honest: Path, tmp_path: Path, key: Path) -> None:
    liar = copied(honest, tmp_path)
    liar.readme("  demo: false", "  demo: true")
    done = sign(liar, key)
    assert (done.code, [p["code"] for p in done.json["problems"]]) == (4, ["card-differs"])
    assert not (liar.dataset / SIGNATURE).exists()


def test_a_review_that_comes_later_takes_the_signature_away_and_it_is_said(signed: Liar) -> None:
    run = RunFolder(signed.run)
    render = card_renderer(run.card, previous=run.dataset / "README.md")
    before = (run.dataset / SIGNATURE).read_bytes()
    assert not merge_review(run, render).unsigned
    assert (run.dataset / SIGNATURE).read_bytes() == before
    write_answers(run.review, [one for one in read_answers(run.review) if one["annotator"] == "anna"])
    assert merge_review(run, render).unsigned
    assert not (run.dataset / SUMS).exists()
    assert not (run.dataset / SIGNATURE).exists()
    assert bezoar("card", "check", signed.run).code == 0


def test_a_run_that_makes_the_same_files_keeps_the_signature_and_one_that_does_not_says_so(
    honest: Path, tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(Path(shutil.copytree(honest.parents[1], tmp_path / "project")))
    liar = Liar(project.folder / "runs" / "test")
    monkeypatch.chdir(project.folder)
    sign_folder(liar.dataset, key)
    assert not run_here(project)["unsigned"]
    assert check(liar, public(key)).code == 0
    liar.readme("Words of a person.", "Words put better.")
    assert run_here(project)["unsigned"]
    assert codes(check(liar, public(key))) == ["not-signed"]
