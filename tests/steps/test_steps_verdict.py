import pytest

from bezoar_data.steps.judges.verdict import Unreadable, Verdict, read_verdict

SCALE = (1, 2, 3, 4, 5)
GOOD = '{"reason": "It is right.", "rating": 4, "status": "Accept"}'
BAD = '{"reason": "It is wrong.", "rating": 2, "status": "Reject"}'

READABLE = {
    "plain": (GOOD, "Accept", 4),
    "rejecting": (BAD, "Reject", 2),
    "keys in another order": ('{"status": "Accept", "rating": 4, "reason": "Fine."}', "Accept", 4),
    "fenced": (f"```json\n{GOOD}\n```", "Accept", 4),
    "fenced without a language": (f"```\n{BAD}\n```", "Reject", 2),
    "prose before": (f"Here is my verdict:\n{GOOD}", "Accept", 4),
    "prose after": (f"{GOOD}\nI hope that helps!", "Accept", 4),
    "prose with braces before": (f"The set {{1, 2}} is complete. {GOOD}", "Accept", 4),
    "another object before": (f'{{"note": "thinking"}} {GOOD}', "Accept", 4),
    "wrapped in another object": (f'{{"verdict": {GOOD}}}', "Accept", 4),
    "in a list": (f"[{GOOD}]", "Accept", 4),
    "after a thinking block": (f"<think>{BAD} no wait</think>{GOOD}", "Accept", 4),
    "said twice alike": (f"{GOOD}\n\nFinal: {GOOD}", "Accept", 4),
    "rating as text": (GOOD.replace("4", '"4"'), "Accept", 4),
    "rating as a whole decimal": (GOOD.replace("4", "4.0"), "Accept", 4),
    "rating over the scale's best": (GOOD.replace("4", '"4/5"'), "Accept", 4),
    "status in lower case": (GOOD.replace("Accept", "accept"), "Accept", 4),
    "status in capitals": (BAD.replace("Reject", "REJECT"), "Reject", 2),
    "status as a participle": (BAD.replace("Reject", "Rejected"), "Reject", 2),
    "keys in capitals": ('{"Reason": "ok", "Rating": 5, "Status": "Accept"}', "Accept", 5),
    "more keys": ('{"reason": "ok", "rating": 5, "status": "Accept", "confidence": 0.9}', "Accept", 5),
    "a newline inside the reason": ('{"reason": "one\ntwo", "rating": 3, "status": "Accept"}', "Accept", 3),
    "a brace inside the reason": ('{"reason": "uses {x}", "rating": 3, "status": "Accept"}', "Accept", 3),
    "an escaped quote inside the reason": ('{"reason": "says \\"no\\"", "rating": 1, "status": "Reject"}', "Reject", 1),
    "another script": ('{"reason": "よい答えです。", "rating": 5, "status": "Accept"}', "Accept", 5),
}

UNREADABLE = {
    "nothing": "",
    "blanks": "  \n ",
    "words": "I would accept this answer and rate it four out of five.",
    "words with a number": "Rating: 4/5. Accept.",
    "a bare number": "4",
    "null": "null",
    "an empty object": "{}",
    "a list of numbers": "[4]",
    "single quotes": "{'reason': 'fine', 'rating': 4, 'status': 'Accept'}",
    "unquoted keys": "{reason: fine, rating: 4, status: Accept}",
    "a trailing comma": GOOD[:-1] + ",}",
    "cut in the middle": GOOD[:-12],
    "cut inside the reason": '{"reason": "It is ri',
    "no rating": '{"reason": "ok", "status": "Accept"}',
    "no status": '{"reason": "ok", "rating": 4}',
    "no reason": '{"rating": 4, "status": "Accept"}',
    "an empty reason": '{"reason": "  ", "rating": 4, "status": "Accept"}',
    "reasons in a list": '{"reason": ["a"], "rating": 4, "status": "Accept"}',
    "rating out of range above": GOOD.replace("4", "6"),
    "rating out of range below": GOOD.replace("4", "0"),
    "a negative rating": GOOD.replace("4", "-4"),
    "a half rating": GOOD.replace("4", "4.5"),
    "a rating of ten": GOOD.replace("4", '"8/10"'),
    "a fitting rating on another scale": GOOD.replace("4", '"4/10"'),
    "a range": GOOD.replace("4", '"3-4"'),
    "a rating in words": GOOD.replace("4", '"four"'),
    "a rating in words and figures": GOOD.replace("4", '"4 out of 5"'),
    "a rating in other digits": GOOD.replace("4", '"４"'),
    "a true rating": GOOD.replace("4", "true"),
    "a null rating": GOOD.replace("4", "null"),
    "a list rating": GOOD.replace("4", "[4]"),
    "not a number": GOOD.replace("4", "NaN"),
    "an endless rating": GOOD.replace("4", "1e999"),
    "a very long rating": GOOD.replace("4", "4" * 5000),
    "two ratings in one object": '{"reason": "a", "rating": 4, "rating": 2, "status": "Accept"}',
    "two different verdicts": f"{GOOD}\n{BAD}",
    "two ratings for one status": GOOD + GOOD.replace("4", "5"),
    "an unknown status": GOOD.replace("Accept", "Maybe"),
    "a hedged status": GOOD.replace("Accept", "Accept/Reject"),
    "a true status": GOOD.replace('"Accept"', "true"),
    "accepted with the worst rating": GOOD.replace("4", "1"),
    "rejected with the best rating": BAD.replace("2", "5"),
    "still thinking": f"<think>Let me see. {GOOD}",
    "deeply nested": '{"a":' * 5000 + "1" + "}" * 5000,
    "many braces": "{" * 100_000,
}


@pytest.mark.parametrize("name", READABLE)
def test_reads_a_clear_verdict(name: str) -> None:
    text, status, rating = READABLE[name]
    verdict = read_verdict(text, SCALE)
    assert (verdict.status, verdict.rating) == (status, rating)
    assert verdict.reason


@pytest.mark.parametrize("name", UNREADABLE)
def test_does_not_guess_at_an_unclear_one(name: str) -> None:
    with pytest.raises(Unreadable) as fault:
        read_verdict(UNREADABLE[name], SCALE)
    assert str(fault.value)


def test_there_are_many_awkward_answers() -> None:
    assert len(READABLE) + len(UNREADABLE) >= 40


def test_another_scale_has_other_limits() -> None:
    assert read_verdict('{"reason": "ok", "rating": "8/10", "status": "Accept"}', range(1, 11)) == Verdict(
        "Accept", 8, "ok"
    )


def test_the_reason_is_kept_as_it_is() -> None:
    assert read_verdict(' {"reason": " Two\\nlines. ", "rating": 3, "status": "Accept"}', SCALE).reason == "Two\nlines."
