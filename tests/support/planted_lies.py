"""How lies are planted: what is changed of the lock, of rows, of the card and of the files beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as pq

from support.lies import Liar

Json = dict[str, Any]


def put(*path: str | int, to: Any) -> Callable[[Json], None]:
    """Sets a value of the lock."""

    def change(lock: Json) -> None:
        *way, last = path
        for key in way:
            lock = lock[key]
        lock[last] = to

    return change


def every(*changes: Callable[[Json], object]) -> Callable[[Json], None]:
    def change(lock: Json) -> None:
        for one in changes:
            one(lock)

    return change


def rows_anew(
    change: Callable[[Json], object], lock: Callable[[Json], object] = lambda lock: None
) -> Callable[[Liar], None]:
    def plant(liar: Liar) -> None:
        liar.rows(change)
        liar.anew(lock)

    return plant


def renamed(row: Json) -> None:
    row["lineage"]["models"] = dict.fromkeys(row["lineage"]["models"], "best-9")


def other_ids(row: Json) -> None:
    identity = row["id"][::-1]
    row.update(id=identity, seed_ids=[identity])
    row["lineage"]["id"] = identity


def one_other_id(row: Json) -> None:
    if row["lineage"]["order"] == [6]:
        other_ids(row)


def other_columns(row: Json) -> None:
    row["id"] = row["id"][::-1]


def other_seeds(row: Json) -> None:
    row["lineage"]["seed_ids"] = row["seed_ids"] = ["0" * 32]


def accept_all(row: Json) -> None:
    row["judge_status"] = "Accept"


def best(row: Json) -> None:
    row["judge_rating"] = 5


def one_reason(row: Json) -> None:
    row["judge_reason"] = "It is good."


def people_accept(row: Json) -> None:
    if row["review_people"]:
        row["review_status"] = row["final_status"] = "Accept"


def against_people(row: Json) -> None:
    if row["review_status"]:
        row["final_status"] = "Accept"


def nobody(row: Json) -> None:
    row.update(review_status=None, review_preference=None, review_people=0, review_response=None, review_corrects=None)


def other_source(row: Json) -> None:
    row["lineage"]["source"] = "wikipedia"


def no_notes(row: Json) -> None:
    row["lineage"].pop("noted", None)


def an_answer_more(row: Json) -> None:
    row["lineage"]["keys"]["judge-accept"] += [f"{row['id']}{n:x}" for n in range(3)]


def demo(row: Json) -> None:
    row["lineage"]["demo"] = True


def no_lineage(row: Json) -> None:
    row["lineage"] = {}


def swap_splits(liar: Liar) -> None:
    train, validation = sorted((liar.dataset / "data").glob("*.parquet"))
    a, b = (pq.read_table(one).to_pylist() for one in (train, validation))
    n = len(b)
    liar.write(train, sorted([*a[n:], *b], key=order))
    liar.write(validation, a[:n])
    liar.anew()


def order(row: Json) -> list[int]:
    found: list[int] = json.loads(row["_bezoar"])["order"]
    return found


def reorder(liar: Liar) -> None:
    file = sorted((liar.dataset / "data").glob("train*"))[0]
    liar.write(file, pq.read_table(file).to_pylist()[::-1])
    liar.anew()


def fewer_rows(liar: Liar) -> None:
    file = sorted((liar.dataset / "data").glob("train*"))[0]
    liar.write(file, pq.read_table(file).to_pylist()[:-2])
    liar.anew(put("counts", "kept", to=20))


def report_gone(liar: Liar) -> None:
    (liar.dataset / "contamination.jsonl").unlink()
    liar.anew(put("contamination", "report", to=None))


def report_short(liar: Liar) -> None:
    file = liar.dataset / "contamination.jsonl"
    file.write_text(file.read_text().splitlines(keepends=True)[0])
    liar.anew(put("contamination", "report", "rows", to=1))


def clean(lock: Json) -> None:
    lock["contamination"]["steps"][0].update(flagged=0, dropped=0, marked=0, kept_on_appeal=0)


def triple_review(lock: Json) -> None:
    for key in ("rows", "even", "answers"):
        lock["review"][key] *= 3


def free_corrections(lock: Json) -> None:
    lock["review"]["licences"] = {"CC0-1.0": 1}


def verdicts_turned(answer: Json) -> None:
    answer["verdict"] = {"accept": "reject", "reject": "accept"}[answer["verdict"]]


def answers_turned(liar: Liar) -> None:
    liar.parquet("review.parquet", verdicts_turned)


def kappa(lock: Json) -> None:
    lock["judging"]["people"]["agreement"][0]["kappa"].update(value=0.91, low=0.8, high=0.97)


def no_judge(lock: Json) -> None:
    lock["judges"] = []


def drop_other(row: Json) -> None:
    row["reason"] = "near_duplicate"


def drop_other_wholly(row: Json) -> None:
    row["reason"] = "near_duplicate"
    lineage = json.loads(row["_bezoar"])
    lineage["drop"]["reason"] = "near_duplicate"
    row["_bezoar"] = json.dumps(lineage)


def section(liar: Liar, name: str) -> str:
    text = (liar.dataset / "README.md").read_text()
    begin, end = (f"<!-- bezoar:{mark} {name} -->" for mark in ("begin", "end"))
    return text[text.index(begin) : text.index(end) + len(end)]


def around(name: str, before: str, after: str = "") -> Callable[[Liar], None]:
    def plant(liar: Liar) -> None:
        old = section(liar, name)
        liar.readme(old, f"{before}\n\n{old}\n\n{after}")

    return plant


def second(liar: Liar) -> None:
    liar.readme(old := section(liar, "licence"), old.replace("unknown", "CC0-1.0") + "\n\n" + old)


def second_below(liar: Liar) -> None:
    liar.readme(old := section(liar, "licence"), old + "\n\n" + old.replace("unknown", "CC0-1.0"))


def made_up(liar: Liar) -> None:
    old = section(liar, "licence")
    liar.readme(old, f"{old}\n\n<!-- bezoar:begin audit -->\n\nAudited.\n\n<!-- bezoar:end audit -->")


def linked(liar: Liar) -> None:
    (liar.dataset / "data" / "more.txt").symlink_to("/etc/hostname")


def linked_folder(liar: Liar) -> None:
    (liar.dataset / "extra").symlink_to("/etc")


def file(name: str, text: str = "KEY=1") -> Callable[[Liar], None]:
    def plant(liar: Liar) -> None:
        path = liar.dataset / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return plant


def pipeline(old: str, new: str, *, anew: bool = False) -> Callable[[Liar], None]:
    def plant(liar: Liar) -> None:
        liar.text(liar.run / "pipeline.yaml", old, new)
        if anew:
            liar.anew()

    return plant


def template(old: str, new: str) -> Callable[[Liar], None]:
    """A person's own words and keys, and all that follows from them rendered anew."""

    def plant(liar: Liar) -> None:
        liar.text(liar.run / "card.md", old, new)
        (liar.dataset / "README.md").unlink()
        liar.anew()

    return plant


def readme(old: str, new: str) -> Callable[[Liar], None]:
    return lambda liar: liar.readme(old, new)


def parquet(name: str, change: Callable[[Json], object]) -> Callable[[Liar], None]:
    return lambda liar: liar.parquet(name, change)


def alone(change: Callable[[Json], object]) -> Callable[[Liar], None]:
    """The lock edited, and nothing else."""
    return lambda liar: liar.lock(change)


def anew(*changes: Callable[[Json], object]) -> Callable[[Liar], None]:
    return lambda liar: liar.anew(every(*changes))
