"""How often the offline judge errs, on answers it was not written against, and how fast both offline models are.

    BEZOAR_TEST_DATA=... python benchmarks/offline/measure.py

Prints the figures of the held-out half and writes them to RESULTS.md beside this file. `--half development` prints
those of the half the rules were written on, for comparison, and writes nothing.
"""

# ruff: noqa: E501 - rows of the report stay on one line

from __future__ import annotations

import argparse
import platform
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import answers
from answers import Item

from bezoar_data.llms.offline.judge import judge
from bezoar_data.llms.offline.judged import Judged
from bezoar_data.llms.offline.teacher import write_answer
from bezoar_data.llms.offline.text import Pick, topic_phrases, topic_words
from bezoar_data.measures.intervals import share

HERE = Path(__file__).parent
FREE_FORM = ("dolly", "seed tasks", "mt_bench")


def rejected(item: Item) -> bool:
    return judge(Judged(item.instruction, item.response), Pick("measure"))[0] == "Reject"


def rate(errors: int, n: int) -> str:
    found = share(errors, n)
    return f"{100 * errors / n:.1f} % ({100 * found.low:.1f}-{100 * found.high:.1f}), {errors} of {n}" if n else "-"


def counted(items: Iterable[Item], wrong: bool) -> dict[str, tuple[int, int]]:
    """For each source: how many verdicts equal `wrong` (the status that is an error here), of how many."""
    out: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for item in items:
        out[item.source][0] += rejected(item) == wrong
        out[item.source][1] += 1
    return {source: (errors, n) for source, (errors, n) in out.items()}


def together(counts: dict[str, tuple[int, int]], sources: Sequence[str] | None = None) -> str:
    chosen = [v for k, v in counts.items() if sources is None or k in sources]
    return rate(sum(e for e, _ in chosen), sum(n for _, n in chosen))


def speeds(good: list[Item]) -> tuple[float, float, float]:
    """Per second of processor time: answers of the teacher, verdicts on them, verdicts on the good answers."""
    system = ("", "Work step by step and justify each step.", "Explain as if to a child of five.")
    asked = [
        [{"role": "system", "content": system[i % 3]}, {"role": "user", "content": item.instruction}]
        for i, item in enumerate(good)
    ]
    written = [write_answer(messages) for messages in asked]
    return (
        per_second(lambda: [write_answer(messages) for messages in asked], len(asked)),
        per_second(
            lambda: [judge(Judged(i.instruction, t), Pick("speed")) for i, t in zip(good, written, strict=True)],
            len(good),
        ),
        per_second(lambda: [rejected(item) for item in good], len(good)),
    )


def per_second(work: Callable[[], object], n: int) -> float:
    """The best of three, by processor time: other programs on the machine then matter least."""
    times = []
    for _ in range(3):
        topic_words.cache_clear()  # a run meets each prompt once, so what is kept by prompt must not help here
        topic_phrases.cache_clear()
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return n / min(times)


def report(*, held_out: bool) -> str:
    good = answers.good_answers(held_out=held_out)
    refusals = (HERE / "refusals.txt").read_text(encoding="utf-8").splitlines()
    kept = counted(good, wrong=True)
    spoilt = {name: list(make(good)) for name, make in answers.SPOILT.items()}
    spoilt["refusal"] = list(answers.refused(good, refusals))
    passed = {name: counted(items, wrong=False) for name, items in spoilt.items()}
    sources = list(kept)
    lines = [
        "| answers | all | free-form (dolly, seed tasks, MT-Bench) | FLAN CoT |",
        "|---|---|---|---|",
    ]
    flan = [s for s in sources if s not in FREE_FORM]
    lines.append(
        f"| **good, rejected (false reject)** | {together(kept)} | {together(kept, FREE_FORM)} | {together(kept, flan)} |"
    )
    for name, counts in passed.items():
        lines.append(
            f"| {name}, accepted (false accept) | {together(counts)} | {together(counts, FREE_FORM)} | {together(counts, flan)} |"
        )
    total = {
        s: (sum(c[s][0] for c in passed.values() if s in c), sum(c[s][1] for c in passed.values() if s in c))
        for s in sources
    }
    lines.append(
        f"| **all spoilt, accepted** | {together(total)} | {together(total, FREE_FORM)} | {together(total, flan)} |"
    )
    ending = [i for i in spoilt["cut"] if answers.ends_a_sentence(i.response)]
    inside = [i for i in spoilt["cut"] if not answers.ends_a_sentence(i.response)]
    missed = sum(not rejected(i) for i in ending), sum(not rejected(i) for i in inside)
    lines += [
        "",
        f"Of the cuts, those that fall at the end of a sentence are accepted {rate(missed[0], len(ending))}; the others {rate(missed[1], len(inside))}.",
        f"Of the {len(refusals)} refusals, each counted once, these are accepted when given to a question on the weather:",
        "",
    ]
    plain = [Item("", 0, "Why is the sky blue on some days and grey on others?", r, True) for r in refusals]
    lines += [f"- {item.response}" for item in plain if not rejected(item)] or ["- none"]
    lines += ["", "Errors by source (good rejected; swapped, cut and shuffled accepted):", ""]
    lines += ["| source | good | swapped | cut | shuffled |", "|---|---|---|---|---|"]
    for source in sources:
        cells = [
            rate(*kept[source]),
            *(rate(*passed[name].get(source, (0, 0))) for name in ("swapped", "cut", "shuffled")),
        ]
        lines.append(f"| {source} | {' | '.join(cells)} |")
    teacher, verdicts, on_good = speeds(good)
    lines += [
        "",
        f"Speed by processor time of one core (best of three), {platform.machine()}, Python {platform.python_version()}, {len(good):,} rows: the teacher writes {teacher:,.0f} answers/s; the judge gives "
        f"{verdicts:,.0f} verdicts/s on those (they are long) and {on_good:,.0f} on the good answers of the data.",
    ]
    return "\n".join(lines) + "\n"


HEAD = """# The offline judge, measured

    BEZOAR_TEST_DATA=... python benchmarks/offline/measure.py

Held-out half: answers that played no part in writing the rules. Errors in percent, 95 % Wilson intervals in brackets.
How the answers are made and spoilt is in `answers.py`; what the figures mean is in `docs/offline-models.md`.

How the halves were kept apart, in full: the rules were written on the development half. The first measurement on the
held-out half gave 2.4 % false rejects (15.9 % free-form) and 6.2 % false accepts (20.2 % free-form; refusals 16.1 %).
On that news two things were changed, looking at development rows only: the off-topic check became more lenient with
open tasks, and the refusal check wider. Each time the refusals used so far, with the list of those missed, became
development material, and a new list was written before the change: 16.1 %, then 13.6 %, then the figure below. No
verdict on a held-out answer was looked at, only tables like these. A few held-out rows (about twenty) were read at the
start, to learn the formats. Refusals all come from one hand, so real ones may be
missed more often than this says; AQuA repeats some questions with other numbers, so its halves are not wholly apart.

"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=("held-out", "development"), default="held-out")
    half = parser.parse_args().half
    text = report(held_out=half == "held-out")
    print(text)
    if half == "held-out":
        (HERE / "RESULTS.md").write_text(HEAD + text, encoding="utf-8")


if __name__ == "__main__":
    main()
