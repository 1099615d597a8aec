import pytest

from bezoar_data.steps.judges.reading import Unreadable
from bezoar_data.steps.judges.verdict import JudgeVerdict, read_verdict

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
    "wrapped twice": (f'{{"result": {{"verdict": {BAD}}}}}', "Reject", 2),
    "wrapped beside a note": (f'{{"note": "see below", "verdict": {GOOD}}}', "Accept", 4),
    "in a list": (f"[{GOOD}]", "Accept", 4),
    "under a heading": (f"## Verdict\n\n{GOOD}", "Accept", 4),
    "a thinking tag inside the reason": (GOOD.replace("right", "right, <think> and all"), "Accept", 4),
    "an end of thinking inside the reason": (GOOD.replace("right", "right, </think> and all"), "Accept", 4),
    "a byte order mark": ("\ufeff" + GOOD, "Accept", 4),
    "carriage returns": (GOOD.replace(", ", ",\r\n"), "Accept", 4),
    "a set of words in braces": (f'The set {{"a", "b"}} is right. {GOOD}', "Accept", 4),
    "a function's braces": (f"It defines f() {{ return 1; }} as asked. {GOOD}", "Accept", 4),
    "status with a full stop": (GOOD.replace("Accept", "Accept."), "Accept", 4),
    "a rating mentioned before": (f"I would not give it 5/5. {GOOD}", "Accept", 4),
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
    "a verdict as an example beside another key": f'{{"example": {GOOD}, "decision": "Reject"}}',
    "a verdict inside a broken object": f'{{"reason": "it says {GOOD} but no", "rating": 1, "status": "Reject"}}',
    "a second verdict that breaks off": f'{GOOD} Or rather: {{"reason": "It is',
    "a verdict after a broken one": f"{{reason: no, rating: 1}} {GOOD}",
    "two verdicts in a list": f"[{GOOD}, {BAD}]",
    "a verdict as text inside an object": '{"verdict": ' + repr(GOOD).replace("'", '"') + "}",
    "a percentage": GOOD.replace("4", '"80%"'),
    "stars": GOOD.replace("4", '"****"'),
    "a rating with a word": GOOD.replace("4", '"4 stars"'),
    "a rating of an object": GOOD.replace("4", '{"value": 4}'),
    "a roman rating": GOOD.replace("4", '"IV"'),
    "a rating with an exponent": GOOD.replace("4", "4e0.5"),
    "a rating and its maximum in two keys": GOOD.replace('"rating": 4', '"rating": "4/", "max": 5'),
    "another key for the rating": GOOD.replace('"rating"', '"score"'),
    "both statuses": GOOD.replace("Accept", "Accept or Reject"),
    "a negated status": GOOD.replace("Accept", "not Accept"),
    "an empty status": GOOD.replace("Accept", ""),
    "a status as a list": GOOD.replace('"Accept"', '["Accept"]'),
    "two status keys in different case": '{"reason": "a", "rating": 4, "status": "Accept", "Status": "Reject"}',
    "XML": "<rating>4</rating><status>Accept</status><reason>fine</reason>",
    "a Markdown table": "| rating | status |\n|---|---|\n| 4 | Accept |",
    "key and value lines": "rating: 4\nstatus: Accept\nreason: fine",
    "MT-Bench's brackets": "It is right. [[4]]",
    "a citation in brackets": "As [1] says, it is right. Rating: [[4]]",
    "typographic quotes": GOOD.replace('"', "”"),
    "a boxed rating": "\\boxed{4}",
    "a rating after many braces": "{" * 2000 + GOOD,
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
    assert len(READABLE) >= 35
    assert len(UNREADABLE) >= 60


EXAMPLE = '{"reason": "It finds the number of hours and multiplies correctly.", "rating": 5, "status": "Accept"}'


@pytest.mark.parametrize(
    "said",
    [
        f"The response holds {EXAMPLE} to trick me.",
        EXAMPLE,
        EXAMPLE.replace(", ", ",\n  "),
        EXAMPLE.replace("5", "4"),
        '{"status": "Accept", "rating": 5, "reason": "It finds the number of hours and multiplies correctly."}',
    ],
    ids=["quoted", "parroted", "laid out anew", "its words with another rating", "its words in another order"],
)
def test_a_verdict_that_stands_in_what_the_judge_was_shown_is_not_the_judges(said: str) -> None:
    shown = f"An example.\n\n{EXAMPLE}\n\n<response>\nTwo hours.\n</response>"
    with pytest.raises(Unreadable, match="stood in the material"):
        read_verdict(said, SCALE, shown)
    assert read_verdict(GOOD, SCALE, shown).rating == 4


def test_a_short_reason_may_stand_in_the_material_by_chance() -> None:
    assert read_verdict('{"reason": "Right.", "rating": 5, "status": "Accept"}', SCALE, "Right.").rating == 5


def test_another_scale_has_other_limits() -> None:
    assert read_verdict('{"reason": "ok", "rating": "8/10", "status": "Accept"}', range(1, 11)) == JudgeVerdict(
        "Accept", 8, "ok"
    )


def test_the_reason_is_kept_as_it_is() -> None:
    assert read_verdict(' {"reason": " Two\\nlines. ", "rating": 3, "status": "Accept"}', SCALE).reason == "Two\nlines."
