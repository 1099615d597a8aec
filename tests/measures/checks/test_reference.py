"""Answers held against references: adversarial ones by hand, and the worked solutions of FLAN CoT and GSM8K."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from bezoar_data.measures.checks.dates import dates_in
from bezoar_data.measures.checks.numbers import numbers_in
from bezoar_data.measures.checks.options import options_in
from bezoar_data.measures.checks.reference import compare

ANIMALS = "What is it?\nOptions:\n(A) a dog\n(B) a cat\n(C) a bird\n(D) 12 fish"
SUMS = "How much is it?\n(A) 10\n(B) 1,000\n(C) 1/2\n(D) -5"
PLACES = "Where?\nOptions:\n- in a pond\n- on a hanger\n- under a mat"
YES_NO = "Does it?\nOPTIONS:\n- yes\n- it is not possible to tell\n- no"
LAST = "Rosa arrived before Kim. Lena arrived after Kim but before Tom. Who arrived last?"

CASES = [
    ("Name the one that does not belong: granite", "granite", "Name the odd one: oak, birch, granite", "agrees"),
    ("He ran to the bakery. This ending is the right one.", "in a pond", PLACES, "unstated"),
    ("9" * 5000, "9", "", "unstated"),
    ("The answer is -5.", "5", "", "differs"),
    ("The answer is -5.", "-5", "", "agrees"),
    ("The answer is −5", "-5", "", "agrees"),
    ("The answer is minus 5.", "-5", "", "agrees"),
    ("It is 1000.", "1,000", "", "agrees"),
    ("It is 1,000.", "1000", "", "agrees"),
    ("It is 1,000.50", "1000.5", "", "agrees"),
    ("So it is 0.5.", "1/2", "", "agrees"),
    ("So it is 1/2.", "0.5", "", "agrees"),
    ("So it is ½.", "0.5", "", "agrees"),
    ("So it is 50%.", "0.5", "", "agrees"),
    ("So it is 50.", "50%", "", "agrees"),
    ("So it is 50 percent", "50%", "", "agrees"),
    ("So it is 5%.", "0.5", "", "differs"),
    ("The answer is 18 dollars.", "18", "", "agrees"),
    ("The answer is $18.", "18", "", "agrees"),
    ("She makes $18 every day.", "18", "", "agrees"),
    ("#### 18", "18", "", "agrees"),
    ("#### 18", "#### 18", "", "agrees"),
    ("So 9 * 2 = 18.", "She makes 18.\n#### 18", "", "agrees"),
    ("\\boxed{18}", "18", "", "agrees"),
    ("The answer is \\(\\boxed{18}\\).", "18", "", "agrees"),
    ("It is 3.33", "3.3333", "", "agrees"),
    ("It is 3", "3.3333", "", "differs"),
    ("It is 33.3", "33.33", "", "differs"),
    ("First I thought the answer is 5. No, the answer is 7.", "7", "", "agrees"),
    ("First I thought the answer is 5. No, the answer is 7.", "5", "", "differs"),
    ("The answer is not 5. It is 7.", "7", "", "agrees"),
    ("The answer is not 7.", "7", "", "unstated"),
    ("2500 metres", "2500 metres", "", "agrees"),
    ("six", "6", "", "agrees"),
    ("It has six sides.", "six", "", "agrees"),
    ("It has 6 sides.", "six", "", "agrees"),
    ("twenty-one", "21", "", "agrees"),
    ("A total of 12 of the 30 are left.", "12", "Of 30 sheep 18 went. How many?", "agrees"),
    ("The answer is 1,2345", "12345", "", "differs"),
    ("(B)", "(B)", ANIMALS, "agrees"),
    ("B)", "(B)", ANIMALS, "agrees"),
    ("B", "(B)", ANIMALS, "agrees"),
    ("option B", "(B)", ANIMALS, "agrees"),
    ("Option B.", "B", ANIMALS, "agrees"),
    ("b)", "(B)", ANIMALS, "agrees"),
    ("The answer is B", "(B)", ANIMALS, "agrees"),
    ("The answer is B.", "a cat", ANIMALS, "agrees"),
    ("The answer is a cat", "(B)", ANIMALS, "agrees"),
    ("a cat", "(B)", ANIMALS, "agrees"),
    ("It's a cat.", "(B)", ANIMALS, "agrees"),
    ("The answer is a dog", "(B)", ANIMALS, "differs"),
    ("The answer is a dog", "(A)", ANIMALS, "agrees"),
    ("The answer is not B.", "(B)", ANIMALS, "unstated"),
    ("The answer is not B, but C.", "(C)", ANIMALS, "agrees"),
    ("The answer isn't B.", "(B)", ANIMALS, "unstated"),
    ("The answer is not B. It is C.", "(C)", ANIMALS, "agrees"),
    ("(B) is the correct answer.", "(B)", ANIMALS, "agrees"),
    ("(B) is not the correct answer.", "(B)", ANIMALS, "unstated"),
    (
        "The correct option is (B) a cat. (A) is wrong since dogs bark. (C) is wrong since birds fly.",
        "(B)",
        ANIMALS,
        "agrees",
    ),
    ("**Answer: (B)**", "(B)", ANIMALS, "agrees"),
    ("Answer:\nB", "(B)", ANIMALS, "agrees"),
    ("I would choose B.", "(B)", ANIMALS, "agrees"),
    ("A cat purrs, a dog barks. So it must be a cat.", "(B)", ANIMALS, "agrees"),
    ("A dog barks and a bird sings.", "(B)", ANIMALS, "differs"),
    ("It is a horse.", "(B)", ANIMALS, "unstated"),
    ("The answer is a horse.", "(B)", ANIMALS, "differs"),
    ("The answer is (E).", "(B)", ANIMALS, "differs"),
    ("(C) 8\n\nThe answer is (D) 12.", "(D)", ANIMALS, "agrees"),
    ("So it costs 1000.", "(B)", SUMS, "agrees"),
    ("So it costs 10.", "(B)", SUMS, "differs"),
    ("5 * 200 = 1,000", "(B)", SUMS, "agrees"),
    ("It is 0.5", "(C)", SUMS, "agrees"),
    ("10 - 15 = -5", "(D)", SUMS, "agrees"),
    ("on a hanger", "on a hanger", PLACES, "agrees"),
    ("You find it on a hanger.", "on a hanger", PLACES, "agrees"),
    ("Not in a pond, but on a hanger.", "on a hanger", PLACES, "agrees"),
    ("Most likely in a pond.", "on a hanger", PLACES, "differs"),
    ("Yes, it does.", "yes", YES_NO, "agrees"),
    ("No, it does not.", "yes", YES_NO, "differs"),
    ("It is not possible to tell.", "it is not possible to tell", YES_NO, "agrees"),
    ("There is no evidence for that.", "no", YES_NO, "unstated"),
    ("The answer is: it is not possible to tell.", "it is not possible to tell", YES_NO, "agrees"),
    ("The answer is no.", "no", YES_NO, "agrees"),
    ("Yes.", "yes", "", "agrees"),
    ("No one knows this.", "no", "", "unstated"),
    ("No, because air is needed.", "no", "", "agrees"),
    ("It needs air. So the answer is no.", "no", "", "agrees"),
    ("It needs air, so no.", "no", "", "agrees"),
    ("That is true.", "yes", "", "agrees"),
    ("False", "no", "", "agrees"),
    ("Answer with yes or no? I say: yes.", "yes", "", "agrees"),
    ("The answer is yes.", "no", "", "differs"),
    ("Is it? The answer is no, it isn't.", "no", "", "agrees"),
    ("It has no wings.", "no", "", "unstated"),
    ("Yes", "Yes", "", "agrees"),
    ("The capital is Paris.", "Paris", "", "agrees"),
    ("The capital is Lyon.", "Paris", "", "unstated"),
    ("The answer is Lyon, not Paris.", "Paris", "", "differs"),
    ("It is not Paris.", "Paris", "", "unstated"),
    ("Paris", "paris.", "", "agrees"),
    ("An antonym.", "an antonym", "", "agrees"),
    ("It is the old bridge.", "The Old Bridge", "", "agrees"),
    ("Tom arrived last.", "Tom", LAST, "agrees"),
    ("ink, moss, harbour, chimneys", "ink, moss, harbour, chimneys", "Input: harbour, ink, chimneys, moss", "agrees"),
    ("harbour, ink, chimneys, moss", "ink, moss, harbour, chimneys", "Input: harbour, ink, chimneys, moss", "unstated"),
    ("The date is 05/01/2021.", "05/01/2021", "", "agrees"),
    ("The date is 05/02/2021.", "05/01/2021", "", "differs"),
    ("May 5, 2021", "5 May 2021", "", "agrees"),
    ("The answer is 10:30.", "10:30", "", "agrees"),
    ("The report says that dogs are loyal.", "Dogs are very loyal animals that need care.", "", "not_comparable"),
    ("The answer is 42, I think it is forty-two.", "42", "", "agrees"),
    ("Let x = 3. Then x + 4 = 7. The answer is 7 apples.", "7", "", "agrees"),
    ("There are 5 apples and 3 pears, which makes 8 pieces of fruit.", "8", "Ann has 5 apples and 3 pears.", "agrees"),
    ("Between 2 and 4 hours", "3", "", "differs"),
    ("A) a dog", "(A)", ANIMALS, "agrees"),
    ("A dog.", "(A)", ANIMALS, "agrees"),
    ("The answer is A because dogs bark.", "(A)", ANIMALS, "agrees"),
    ("I think D.", "(D)", ANIMALS, "agrees"),
    ("My answer: option (c)", "(C)", ANIMALS, "agrees"),
    ("The best answer would be option B: a cat.", "(B)", ANIMALS, "agrees"),
    ("Therefore the correct choice is B", "(B)", ANIMALS, "agrees"),
    ("Both A and B could be right, but B is the best answer.", "(B)", ANIMALS, "agrees"),
]


@pytest.mark.parametrize(("response", "reference", "asked", "outcome"), CASES)
def test_what_an_answer_settles_on(response: str, reference: str, asked: str, outcome: str):
    assert compare(response, reference, asked).outcome == outcome


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,000 and 1000 and 80,000*1.5=120,000", ["1000", "1000", "80000", "3/2", "120000"]),
        ("22 1/2 %, ½ and 2½", ["45/2", "1/2", "5/2"]),
        ("2 - 5 = -3, -$5, (−5), minus 7", ["2", "5", "-3", "-5", "-5", "-7"]),
        ("on 2020-05-01 or 05/01/2021 at 10:30, A4, v1.2.3", []),
        ("six of twenty-one, one of them; a hundred", ["6", "21", "100"]),
        ("250m at 100km/h for Rs. 5600", ["250", "100", "5600"]),
    ],
)
def test_numbers_as_people_write_them(text: str, values: list[str]):
    assert [str(number.value) for number in numbers_in(text)] == values


def test_dates_are_equal_however_they_are_written():
    first, *others = dates_in("5 May 2021, May 5th, 2021, 2021-05-05, 05/05/2021, 5th of May 2021")
    assert len(others) == 4
    assert all(first & other for other in others)


def test_options_are_read_by_letter_by_dash_and_in_a_line():
    assert [str(o) for o in options_in(PLACES)] == ["in a pond", "on a hanger", "under a mat"]
    assert [o.letter for o in options_in("Which? (A) one (B) two (C) three")] == ["A", "B", "C"]
    assert [o.text for o in options_in("Which?\nA. one\nB. two\n\nAnswer:")] == ["one", "two"]
    assert options_in("See (A) and the letter (C) of the statute.") == ()


def test_solutions_of_flan_cot_with_their_own_and_with_another_rows_answer(real_data: Path):
    right: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for path in sorted((real_data / "flan_cot").glob("*.tsv")):
        lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line][:400]
        rows = [[part.replace("\\n", "\n").strip() for part in line.split("\t")] for line in lines]
        for i, (question, answer, reasoning) in enumerate(rows):
            turned = rows[i + 1 :] + rows[:i]
            other = next(row[1] for row in turned if row[1].lower() != answer.lower())
            for said in (answer, other):
                outcome = compare(f"{reasoning}\nThe answer is {said}.", answer, question).outcome
                right[path.stem] += (outcome == "agrees") == (said == answer)
                seen[path.stem] += 1
    assert sum(seen.values()) == 3200
    assert {task: right[task] / n >= 0.97 for task, n in seen.items()} == dict.fromkeys(seen, True)
