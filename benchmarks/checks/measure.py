"""How often the rules of `provider: checks` err, on answers they were not written against.

    BEZOAR_TEST_DATA=... python benchmarks/checks/measure.py

Prints the figures and writes them to RESULTS.md beside this file. `--half development` prints those of the half the
rules were written on, for comparison, and writes nothing. A few minutes on one core.
"""

# ruff: noqa: E501 - rows of the report stay on one line

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import answers
import claimed
from answers import Item
from ruamel.yaml import YAML

from bezoar_data.measures.checks.reference import compare
from bezoar_data.measures.checks.verdict import judge
from bezoar_data.measures.intervals import share

HERE = Path(__file__).parent
FREE_FORM = ("dolly", "seed tasks", "mt_bench")

Counts = dict[str, tuple[int, int]]
"""Errors and how many there could be, by source."""


def rate(errors: int, n: int) -> str:
    found = share(errors, n)
    return f"{100 * errors / n:.1f} % ({100 * found.low:.1f}-{100 * found.high:.1f}), {errors} of {n}" if n else "-"


def counted(items: Iterable[Item], wrong: str, *, reference: bool) -> Counts:
    """For each source: how many verdicts are the one that is an error here, of how many."""
    out: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for item in items:
        verdict = judge(item.response, item.instruction, item.reference if reference else "")
        out[item.source][0] += verdict.status == wrong
        out[item.source][1] += 1
    return {source: (errors, n) for source, (errors, n) in out.items()}


def together(counts: Counts, sources: Sequence[str] | None = None) -> str:
    chosen = [v for k, v in counts.items() if sources is None or k in sources]
    return rate(sum(e for e, _ in chosen), sum(n for _, n in chosen))


def form(*, held_out: bool) -> Iterator[str]:
    """What becomes of good and spoilt answers, with and without a reference."""
    good = answers.good_answers(held_out=held_out)
    refusals = (HERE / "refusals.txt").read_text(encoding="utf-8").splitlines()
    spoilt = {name: list(make(good)) for name, make in answers.SPOILT.items()}
    spoilt["refusing"] = list(answers.refused(good, refusals))
    flan = [s for s in {item.source for item in good} if s not in FREE_FORM]
    yield "| answers | free-form (dolly, seed tasks, MT-Bench) | FLAN CoT, no reference | FLAN CoT with its reference |"
    yield "|---|---|---|---|"
    for name, items, wrong in (("good", good, "Reject"), *((n, i, "Accept") for n, i in spoilt.items())):
        alone, held = (counted(items, wrong, reference=with_it) for with_it in (False, True))
        label = f"**{name}, rejected (false reject)**" if name == "good" else f"{name}, accepted (false accept)"
        yield f"| {label} | {together(alone, FREE_FORM)} | {together(alone, flan)} | {together(held, flan)} |"
    ending = [i for i in spoilt["cut"] if answers.ends_a_sentence(i.response)]
    inside = [i for i in spoilt["cut"] if not answers.ends_a_sentence(i.response)]
    missed = [counted(items, "Accept", reference=False) for items in (ending, inside)]
    yield ""
    yield f"Of the cuts, those that fall at the end of a sentence are accepted {together(missed[0])} without a reference; the others {together(missed[1])}."
    why = Counter(v.code for i in good if (v := judge(i.response, i.instruction)).code)
    yield f"Good answers were rejected without a reference as: {', '.join(f'{code} {n}' for code, n in why.most_common())}."
    for name in ("refusals", "refusals_unusual"):
        lines = (HERE / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        missed_ones = [r for r in lines if judge(r, "Why is the sky blue?").status == "Accept"]
        yield f"Of the refusals in `{name}.txt`, each given once, {len(missed_ones)} of {len(lines)} are accepted."


def apart() -> Iterator[str]:
    """Ratings of 3, which tell that an answer has hardly a word in common with a task or a reference that is a text."""
    good = [i for i in answers.good_answers(held_out=True) if i.source in FREE_FORM]
    swapped = list(answers.swapped(good))
    pairs = [pair for pair in answers.pairs_of_answers(answers.data_folder()) if all(pair)]
    texts = [(a, b) for a, b in pairs if compare(a, b).outcome == "not_comparable"]
    turned = [(a, texts[(i + 1) % len(texts)][1]) for i, (a, _) in enumerate(texts)]
    yield "| accepted with 3, of the accepted | answers of their own | those of another row |"
    yield "|---|---|---|"
    for name, sides in (
        (
            "no reference: free-form tasks",
            [[(i.response, i.instruction, "") for i in some] for some in (good, swapped)],
        ),
        (
            "a text as reference: two answers to one request of HH-RLHF",
            [[(a, "", b) for a, b in some] for some in (texts, turned)],
        ),
    ):
        found = [[v.rating == 3 for one in some if (v := judge(*one)).status == "Accept"] for some in sides]
        yield f"| {name} | {' | '.join(rate(sum(some), len(some)) for some in found)} |"


def reference() -> Iterator[str]:
    """Every case whose answer agrees with the reference should be said to, and no other."""
    folder = answers.data_folder()
    rows: dict[str, list[claimed.Worked]] = defaultdict(list)
    for one in (*claimed.flan_cot(folder), *claimed.gsm8k(folder), *claimed.bbh(folder)):
        rows[one.source].append(one)
    by_form: dict[str, Counter[str]] = {name: Counter() for name in claimed.FORMS}
    table: dict[str, Counter[str]] = defaultdict(Counter)
    for source, worked in rows.items():
        for name in claimed.FORMS:
            for case in claimed.cases(worked, name):
                outcome = compare(case.response, case.reference, case.asked).outcome
                kind = "own" if case.right else "other"
                error = outcome != "not_comparable" and (outcome == "agrees") != case.right
                group = source.partition("/")[0] if source.startswith("bbh") else source
                for counter in (
                    table[source],
                    table[f"all of {'bbh' if group == 'bbh' else 'flan_cot'}"] if group != "gsm8k" else Counter(),
                    by_form[name] if group != "bbh" else Counter(),
                ):
                    counter[kind] += outcome != "not_comparable"
                    counter[f"{kind} wrong"] += error
                    counter["apart"] += outcome == "not_comparable"
    yield from _errors(
        "task",
        {
            name: table[name]
            for name in sorted(
                table, key=lambda n: (n.startswith("bbh") or n == "all of bbh", not n.startswith("all"), n)
            )
        },
    )
    yield ""
    yield "The same by how the answer is said (FLAN CoT and GSM8K):"
    yield ""
    yield from _errors("said as", by_form)


def _errors(what: str, counts: dict[str, Counter[str]]) -> Iterator[str]:
    yield f"| {what} | own answer, taken for another or none | another row's answer, taken for the reference's | right | not comparable |"
    yield "|---|---|---|---|---|"
    for name, c in counts.items():
        n, wrong = c["own"] + c["other"], c["own wrong"] + c["other wrong"]
        right = f"**{100 * (n - wrong) / n:.2f} %** of {n}" if n else "-"
        yield f"| {name} | {rate(c['own wrong'], c['own'])} | {rate(c['other wrong'], c['other'])} | {right} | {c['apart']} |"


def bare() -> Iterator[str]:
    """Solutions without a last word: what is read from reasoning alone."""
    folder = answers.data_folder()
    yield "| task | agrees | differs | unstated |"
    yield "|---|---|---|---|"
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for one in (*claimed.flan_cot(folder), *claimed.gsm8k(folder)):
        rows[one.source][compare(one.reasoning, one.reference, one.question).outcome] += 1
    for source, found in rows.items():
        n = found.total()
        yield f"| {source} | {rate(found['agrees'], n)} | {rate(found['differs'], n)} | {rate(found['unstated'], n)} |"


def smollm2() -> Iterator[str]:
    """A small model's real answers to the shipped questions, labelled by hand."""
    rows = [json.loads(line) for line in (HERE / "smollm2.jsonl").read_text(encoding="utf-8").splitlines()]
    verdicts = [judge(row["answer"], row["inputs"], row["targets"]) for row in rows]
    good = [v for row, v in zip(rows, verdicts, strict=True) if row["good"]]
    bad = [v for row, v in zip(rows, verdicts, strict=True) if not row["good"]]
    yield "| SmolLM2-135M's answers | |"
    yield "|---|---|"
    yield f"| good by hand, rejected (false reject) | {rate(sum(v.status == 'Reject' for v in good), len(good))} |"
    yield f"| bad by hand, accepted (false accept) | {rate(sum(v.status == 'Accept' for v in bad), len(bad))} |"
    for rating in (5, 4, 3):
        own = [row for row, v in zip(rows, verdicts, strict=True) if v.rating == rating]
        yield f"| accepted with {rating}, and bad | {rate(sum(not row['good'] for row in own), len(own))} |"
    why = Counter(v.code or "accepted" for v in bad)
    yield ""
    yield f"The bad ones were told by: {', '.join(f'{code} {n}' for code, n in why.most_common())}."


def by_hand() -> Iterator[str]:
    """The answers by hand to the same questions, which were written without knowing the rules; some flawed on purpose."""
    folder = HERE.parents[1] / "pipelines"
    seeds = [json.loads(line) for line in (folder / "seeds" / "flan.jsonl").read_text(encoding="utf-8").splitlines()]
    text = (folder / "answers" / "orca.yaml").read_text(encoding="utf-8")
    entries = YAML(typ="safe").load(text)["answers"]["orca-explain"]
    flawed = ["# Flawed:" in part for part in text.split("\n    - row: ")[1:]]
    right, wrong = Counter[str](), Counter[str]()
    for entry, bad in zip(entries, flawed, strict=True):
        seed = next(one for one in seeds if entry["row"] in one["inputs"])
        (wrong if bad else right)[judge(entry["asks"][0]["teacher"], seed["inputs"], seed["targets"]).status] += 1
    yield f"Good ones rejected: {rate(right['Reject'], right.total())}. Flawed ones accepted: {rate(wrong['Accept'], wrong.total())}."


def speed() -> str:
    good = answers.good_answers(held_out=True)
    times = []
    for _ in range(3):
        start = time.process_time()
        for item in good:
            judge(item.response, item.instruction, item.reference)
        times.append(time.process_time() - start)
    return f"{len(good) / min(times):,.0f} verdicts a second of one core's time (best of three; {platform.machine()}, Python {platform.python_version()})."


def report(*, held_out: bool) -> str:
    parts = [
        "## Form", *form(held_out=held_out), "",
        "## Next to nothing in common", *apart(), "",
        "## The reference's answer, claimed", *reference(), "",
        "## The reference's answer, never claimed", *bare(), "",
        "## A small model's real answers", *smollm2(), "",
        "## Answers by hand to the same questions", *by_hand(), "",
        "## Speed", speed(),
    ]  # fmt: skip
    return "\n".join(part if not part.startswith("## ") else f"{part}\n" for part in parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("held-out", "development"), default="held-out")
    half = parser.parse_args().half
    text = report(held_out=half == "held-out")
    print(text)
    if half == "held-out":
        path = HERE / "RESULTS.md"
        head = path.read_text(encoding="utf-8").partition("\n## ")[0]
        path.write_text(f"{head}\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
