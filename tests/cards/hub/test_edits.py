"""A card that somebody edited on the Hub: shown as a difference, then taken in or let go, never overwritten."""

from __future__ import annotations

from typing import Any

from bezoar_data.config.files.card import load_card
from support.command import Outcome
from support.hub_server import Hub, Repo
from support.lies import Liar
from support.projects import Project

REPO = "tester/small"
PROSE, NEW = b"Words of a person.", b"Words of a reader, on the Hub."


def publish(liar: Liar, *more: str) -> Outcome:
    project = Project(liar.run.parents[1])
    return project.bezoar("publish", "runs/test", "--to", REPO, "--allow", "unknown-licence", "--json", *more)


def card(liar: Liar) -> bytes:
    return (liar.dataset / "README.md").read_bytes()


def edit(repo: Repo, *changes: tuple[bytes, bytes]) -> bytes:
    text = repo.files["README.md"]
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    repo.add({**repo.files, "README.md": text}, "Update README.md")
    return text


def codes(done: Outcome) -> list[Any]:
    return [problem["code"] for problem in done.json["problems"]]


def test_words_of_the_hub_are_shown_then_taken_in_with_all_that_follows(liar: Liar, hub: Hub) -> None:
    assert publish(liar).code == 0
    repo, before = hub.repos[REPO], card(liar)
    edited = edit(
        repo,
        (PROSE, NEW),
        (b"pretty_name: Small\n", b"pretty_name: Smaller\nlanguage: de\n"),
        (b"license: unknown", b"license: cc-by-nc-4.0"),
        (b"24 rows", b"24,000 rows"),  # in a section
    )
    for more in ((), ("--dry-run",)):
        refused = publish(liar, *more)
        assert (refused.code, set(codes(refused))) == (4, {"hub-edited", "hub-edit"})
        assert "in 9 lines" in refused.json["problems"][0]["message"]
        told = [problem["message"] for problem in refused.json["problems"]]
        assert f"- {PROSE.decode()}" in told
        assert f"+ {NEW.decode()}" in told
    dry = publish(liar, "--hub-edits", "take", "--dry-run")
    assert (dry.code, dry.json["taken_in"]) == (0, True)
    assert "README.md" in dry.json["changed"]
    assert (card(liar), repo.files["README.md"]) == (before, edited)
    done = publish(liar, "--hub-edits", "take")
    assert (done.code, done.json["taken_in"]) == (0, True), done.out + done.err
    text, found = card(liar), load_card(liar.dataset / "README.md")
    assert NEW in text
    assert b"24,000 rows" not in text
    assert (found.front["pretty_name"], found.front["multilinguality"]) == ("Smaller", ["monolingual"])
    assert (found.front["license"], found.bezoar["licence"]["stated"]) == ("cc-by-nc-4.0", True)
    assert repo.files["README.md"] == text
    assert repo.files["croissant.json"] == (liar.dataset / "croissant.json").read_bytes()
    assert b"Smaller" in repo.files["croissant.json"]
    again = publish(liar)
    assert (again.code, again.json["new"], again.json["changed"]) == (0, [], [])


def test_both_sides_are_kept_apart_where_they_meet_and_what_is_let_go_is_let_go(liar: Liar, hub: Hub) -> None:
    assert publish(liar).code == 0
    repo = hub.repos[REPO]
    liar.readme(PROSE.decode(), "Words of ours.")
    edited = edit(repo, (PROSE, NEW))
    both = publish(liar, "--hub-edits", "take")
    assert (both.code, codes(both)) == (4, ["hub-conflict"])
    assert repo.files["README.md"] == edited
    done = publish(liar, "--hub-edits", "discard")
    assert (done.code, done.json["taken_in"]) == (0, False)
    assert b"Words of ours." in repo.files["README.md"]
    # A file that is none of a build's is no edit of the card.
    repo.add({**repo.files, "notes.md": b"mine"}, "Add notes")
    assert publish(liar, "--dry-run").code == 0
    # Nor is the same edit made on both sides.
    liar.readme("Words of ours.", "Words of all.")
    edit(repo, (b"Words of ours.", b"Words of all."))
    done = publish(liar)
    assert (done.code, done.json["changed"]) == (0, [])


def test_a_repository_with_a_card_of_its_own_is_asked_about_too(liar: Liar, hub: Hub) -> None:
    repo = hub.repos[REPO] = Repo(private=True)
    repo.add({"README.md": b"---\nlicense: mit\n---\n\nMine.\n"})
    done = publish(liar)
    assert (done.code, codes(done)[0]) == (4, "hub-edited")
    assert "by somebody else" in done.json["problems"][0]["message"]
    assert repo.files["README.md"].endswith(b"Mine.\n")
    assert publish(liar, "--hub-edits", "discard").code == 0
