"""The steps that decide a row by itself: clean, length, language, refusals, repetition, personal_data, where, and those
of checks: whole, template_marks, script, reference."""

import json
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.config.errors import InputError
from bezoar_data.runs.row import Row
from bezoar_data.steps.base import Dropped, Kept, RowStep
from bezoar_data.steps.curation.clean import Clean
from bezoar_data.steps.curation.language import Language
from bezoar_data.steps.curation.length import Length
from bezoar_data.steps.curation.personal_data import PersonalData
from bezoar_data.steps.curation.reference import Reference
from bezoar_data.steps.curation.refusals import Refusals
from bezoar_data.steps.curation.repetition import Repetition
from bezoar_data.steps.curation.script import Script
from bezoar_data.steps.curation.template_marks import TemplateMarks
from bezoar_data.steps.curation.where import WhereStep
from bezoar_data.steps.curation.whole import Whole
from support.drive import drive, row

PEAK = "Which mountain is the highest one of the Pyrenees?"


def why(step: RowStep, text: Any) -> str | None:
    """The reason a row with this text is dropped, None if it stays as it is."""
    given = row(0, text=text)
    verdict = drive(step, given).verdict
    if isinstance(verdict, Dropped):
        return verdict.reason
    assert verdict.columns == given.columns
    return None


def column(step: RowStep, text: Any, name: str = "text") -> Any:
    verdict = drive(step, row(0, text=text)).verdict
    assert isinstance(verdict, Kept)
    return verdict.columns[name]


def answers(real_data: Path) -> list[str]:
    lines = (real_data / "dolly" / "dolly_sample.jsonl").read_text().splitlines()
    said = [json.loads(line)["response"] for line in lines]
    for file in sorted((real_data / "flan_cot").glob("*.tsv")):
        said += [line.split("\t")[2].replace("\\n", "\n") for line in file.read_text().splitlines()[:500]]
    assert len(said) > 2000
    return said


# clean


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("donâ€™t worry, itâ€™s a cafÃ©", "don’t worry, it’s a café"),
        ("<|im_start|>assistant\nHello there<|im_end|>", "Hello there"),
        ("### Response: Hello there", "Hello there"),
        ("[INST] <<SYS>>Be kind<</SYS>> Hi [/INST] Hello</s>", "Be kind Hi  Hello"),
        ("Hello there\n\n### Instruction:", "Hello there"),
        ("Hello\nUser:", "Hello"),
        ("<|im_start|>user\nHi", "Hi"),
        ("<s>[INST] Hi", "Hi"),
        ("What does [INST] mean in Llama prompts?", "What does [INST] mean in Llama prompts?"),
        ("Explain <|im_start|> tokens.<|im_end|>", "Explain <|im_start|> tokens."),
        ("a  \r\nb\t\n\n\n\nc\x00\u200b", "a\nb\n\nc"),
        ("ASSISTANT: yes", "yes"),
    ],
)
def test_clean_mends_and_takes_out(dirty: str, clean: str):
    assert column(Clean(name="c", column="text"), dirty) == clean


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    if x:\n        return [1, 2]  # <s> is no token in a < s > b",
        "The response: it depends. [INSTALL] first, then 3 < 4 && x > 1.",
        "Ünïcode “quotes” — naïve, 東京, 👩‍👩‍👧, می‌خواهم, ﬁ, ①",
        "## Input data\nThe user: a person.\n### Response times\nAre short.",
        "&lt;b&gt; and &amp; are how HTML writes them",
        "R<s>(x) and vector<s>",
    ],
)
def test_clean_leaves_what_is_meant(text: str):
    assert column(Clean(name="c", column="text"), text) == text


def test_clean_drops_a_row_that_was_nothing_but_a_template():
    step = Clean(name="c", column=["text"])
    assert why(step, "<|im_start|>assistant\n<|im_end|>") == "empty_after_cleaning"
    assert why(step, "") is None
    assert column(step, [{"role": "user", "content": " x<|im_end|> "}]) == [{"role": "user", "content": "x"}]
    assert column(step, None) is None


def test_clean_leaves_real_answers_nearly_as_they_are(real_data: Path):
    step = Clean(name="c", column="text")
    changed = [
        text
        for text in answers(real_data)
        if "".join(column(step, text).split()) != "".join(text.replace("\u200b", "").split())
    ]
    assert changed, "the data holds mistaken encodings"
    assert all("â" in t or "Ã" in t or "Â" in t or "Î" in t for t in changed), changed


# length


def test_length_counts_characters_and_words():
    step = Length(name="l", column="text", min_words=2, max_characters=20)
    found = [why(step, t) for t in ("one", "one two", "x" * 21 + " y", None)]
    assert found == ["too_short", None, "too_long", "too_short"]
    verdict = drive(step, row(0, text="one")).verdict
    assert verdict == Dropped("too_short", "1 words, at least 2 wanted")


def test_length_marks():
    step = Length(name="l", column="text", max_words=2, action="mark")
    assert column(step, "a b c", "length_fault") == "too_long: 3 words, at most 2 allowed"
    assert column(step, "a b", "length_fault") is None


def test_length_counts_the_tokens_of_a_tokenizer(tmp_path: Path):
    tokenizers = pytest.importorskip("tokenizers")
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    made.save(str(tmp_path / "tokenizer.json"))
    step = Length(name="l", column="text", max_tokens=3, tokenizer=str(tmp_path))
    assert [why(step, t) for t in ("aba", "abab")] == [None, "too_long"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"max_tokens": 3}, "tokenizer"), ({"min_words": 3, "max_words": 2}, "larger")],
)
def test_length_tells_settings_that_make_no_sense(settings: dict[str, Any], said: str):
    with pytest.raises(ValueError, match=said):
        Length(name="l", column="text", **settings)


def test_length_without_bounds_is_told():
    with pytest.raises(InputError, match="nothing to measure"):
        Length(name="l", column="text").load()


def test_a_tokenizer_that_is_none_is_told(tmp_path: Path):
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="cannot be read"):
        Length(name="l", column="text", max_tokens=3, tokenizer=str(tmp_path)).load()


# language

ENGLISH = "The ferry crosses the river seven times a day, and on Sundays it does so four times only."
GERMAN = "Die Fähre überquert den Fluss siebenmal am Tag, und an Sonntagen nur viermal."


def test_language_keeps_the_languages_wanted():
    pytest.importorskip("py3langid")
    step = Language(name="l", column="text")
    assert [why(step, t) for t in (ENGLISH, GERMAN, "42", "Ja, gut.")] == [None, "other_language", None, None]
    assert why(Language(name="l", column="text", languages=["de", "en"]), GERMAN) is None
    with pytest.raises(InputError, match="does not know the language 'xx'"):
        Language(name="l", column="text", languages=["xx"]).load()


def test_language_leaves_real_english_answers(real_data: Path):
    pytest.importorskip("py3langid")
    step = Language(name="l", column="text")
    said = [t for t in answers(real_data) if len(t) > 200]
    gone = [t for t in said if why(step, t)]
    assert len(gone) <= len(said) / 200, gone[:3]


@pytest.mark.parametrize(
    ("languages", "text", "kept"),
    [
        (["en"], "请介绍一下北京的历史", False),
        (["en"], "Как дела?", False),
        (["en"], "مرحبا", False),
        (["en"], "Пожалуйста, расскажи мне о погоде в Москве сегодня.", False),
        (["en"], "Paris", True),
        (["en"], "42 + 7", True),
        (["en"], "What does 你好 mean?", True),
        (["zh"], "请介绍一下北京的历史", True),
        (["zh"], "Hello there", False),
        (["ja"], "こんにちは", True),
        (["sr"], "Dobar dan", True),
        (["ka"], "გამარჯობა", True),
    ],
)
def test_a_text_in_another_script_goes_whatever_its_length(languages: list[str], text: str, kept: bool):
    step = Language(name="l", column="text", languages=languages)
    assert isinstance(step.run_row(row(text=text)), Kept) is kept


def test_without_the_extra_language_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "py3langid.langid", None)
    with pytest.raises(InputError) as error:
        Language(name="l", column="text").load()
    assert error.value.problems[0].hint == "pip install 'bezoar-data[language]'"


# refusals


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I cannot assist you with this request.",
        "As an AI language model, I do not have opinions.",
        "Unfortunately, I am unable to open links.",
        "I cannot provide medical advice. Please see a doctor.",
        "That would be against my guidelines.",
        "I must respectfully decline to do so.",
        "I don't know.",
    ],
)
def test_refusals_are_found(text: str):
    assert why(Refusals(name="r", column="text"), text) == "refusal"


@pytest.mark.parametrize(
    "text",
    [
        "I don't know what I would do without this recipe; here it is: flour, water, salt.",
        "The court cannot help him, since the law is clear.",
        "Sorry is a short word for a long feeling.",
        "Dear customer, we regret the delay and have sent a new parcel.",
        "An AI model is a program that has learned from examples.",
        "",
    ],
)
def test_answers_that_only_sound_like_refusals_stay(text: str):
    assert why(Refusals(name="r", column="text"), text) is None


def test_real_answers_are_no_refusals(real_data: Path):
    step = Refusals(name="r", column="text")
    gone = [t for t in answers(real_data) if why(step, t)]
    assert len(gone) <= 2, gone


def test_refusals_of_ones_own_and_mistakes_in_them(tmp_path: Path):
    path = tmp_path / "own.txt"
    path.write_text("# ours\n\nnon possumus\n")
    assert why(Refusals(name="r", column="text", phrases=str(path)), "Non  possumus!") == "refusal"
    bad = tmp_path / "bad.txt"
    bad.write_text("fine\n(open\n")
    with pytest.raises(InputError) as error:
        Refusals(name="r", column="text", phrases=str(bad)).load()
    assert str(error.value.problems[0].place).startswith(f"{bad}:2:")


# repetition


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Yes. " + "The answer is four. " * 12, "loop"),
        ("word " * 30, "loop"),
        ("Yes" + "!" * 300, "loop"),
        ("It is 0." + "142857" * 50, "loop"),
        ("A googol is 1" + "0" * 100, None),
        ("Title\n" + "=" * 300 + "\n" + "-+" * 150, None),
        (" ".join(map(str, range(300))), None),
        (("Look at the numbers first.\nThen we add them, carefully.\n" * 3) + ENGLISH, "repeated_lines"),
        (f"{ENGLISH} So, {ENGLISH[:-1]} as was said", "repeated_words"),
        (f"{ENGLISH} {GERMAN}", None),
        ("ha ha ha ha ha ha ha", None),
        ("row row row your boat", None),
    ],
)  # fmt: skip
def test_repetition(text: str, reason: str | None):
    assert why(Repetition(name="r", column="text"), text) == reason


def test_real_answers_do_not_go_round_in_circles(real_data: Path):
    step = Repetition(name="r", column="text")
    said = answers(real_data)
    gone = [t for t in said if why(step, t)]
    assert len(gone) <= len(said) / 200, (len(gone), gone[:5])


# personal_data

PERSONAL = [
    ("Write to jane.doe+x@mail.example.co.uk now", "Write to [EMAIL] now"),
    ("Call +44 20 7946 0958 or (212) 555-0199.", "Call [PHONE] or [PHONE]."),
    ("Card 4111 1111 1111 1111 expires", "Card [CARD] expires"),
    ("IBAN DE89 3704 0044 0532 0130 00, please", "IBAN [IBAN], please"),
    ("from 203.0.114.77 and 2a00:1450:4001:81b::200e", "from [IP] and [IP]"),
    ("key sk-proj-abc123def456ghi789 and hf_abcdefghijklmnopqrstuvwx", "key [KEY] and [KEY]"),
    ("AKIAIOSFODNN7EXAMPLE", "[KEY]"),
]


@pytest.mark.parametrize(("text", "masked"), PERSONAL)
def test_personal_data_is_masked_marked_or_dropped(text: str, masked: str):
    assert column(PersonalData(name="p", column="text"), text) == masked
    verdict = drive(PersonalData(name="p", column="text", action="drop"), row(0, text=text)).verdict
    assert isinstance(verdict, Dropped)
    assert verdict.reason == "personal_data"
    assert not any(word in verdict.detail for word in text.split() if len(word) > 6)
    assert column(PersonalData(name="p", column="text", action="mark"), text, "personal_data")


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112 is not a card, nor is 0000 0000 0000 0000",
        "Version 1.2.3.4 of sk-learn at 127.0.0.1 and 192.168.1.10",
        "In 1789-1799 and 2024-05-06 at 12:34:56, 3.14159265358979 times 1,000,000",
        "user@host, a@b and @someone",
        "DE00 3704 0044 0532 0130 00 has wrong digits",
        "5 + 7 = 12; (100) 20-30; 978-3-16-148410-0",
    ],
)
def test_what_only_looks_personal_stays(text: str):
    assert column(PersonalData(name="p", column="text"), text) == text


def test_personal_data_is_found_inside_lists_and_by_kind():
    turns = [{"role": "user", "content": "I am a@b.example"}]
    assert column(PersonalData(name="p", column="text"), turns) == [{"role": "user", "content": "I am [EMAIL]"}]
    step = PersonalData(name="p", column="text", kinds=["key"], action="mark")
    assert column(step, "a@b.example", "personal_data") is None


def test_little_of_real_answers_is_personal(real_data: Path):
    step = PersonalData(name="p", column="text", action="mark")
    said = answers(real_data)
    found = [t for t in said if column(step, t, "personal_data")]
    assert len(found) <= 2, found


# where


def test_where_keeps_what_is_true():
    step = WhereStep(name="w", expression='rating >= 4 and status == "Accept"')

    def kept(**columns: Any) -> bool:
        verdict = drive(step, Row(columns, row(0).lineage)).verdict
        assert isinstance(verdict, Kept) or verdict.reason == "not_chosen"
        return isinstance(verdict, Kept)

    assert kept(rating=4, status="Accept")
    assert not kept(rating=3, status="Accept")
    assert not kept(rating=None, status="Accept")
    assert not kept(status="Accept")


def test_where_tells_a_mistake_with_the_settings():
    with pytest.raises(ValueError, match=r"'=' is not known.*write '=='"):
        WhereStep(name="w", expression="rating = 4")


# whole, template_marks, script, reference


@pytest.mark.parametrize(
    ("step", "columns", "reason"),
    [
        (Whole(name="w", column="text"), {"text": " "}, "empty"),
        (Whole(name="w", column="text", instruction="asked"), {"text": "It stands on the Pyren", "asked": PEAK}, "cut"),
        (Whole(name="w", column="text", instruction="asked"), {"text": "It is Aneto", "asked": PEAK}, None),
        (TemplateMarks(name="m", column="text"), {"text": "Hi <|im_end|>"}, "template_mark"),
        (TemplateMarks(name="m", column="text", instruction="asked"), {"text": "{{x}}", "asked": "Use {{x}}"}, None),
        (
            Script(name="s", column="text", instruction="asked"),
            {"text": "Потому что так", "asked": PEAK},
            "other_script",
        ),
        (Script(name="s", column="text", instruction="asked"), {"text": "Because", "asked": PEAK}, None),
        (Reference(name="r", column="text"), {"text": "It is 4.", "targets": "5", "inputs": "2 + 2?"}, "other_answer"),
        (Reference(name="r", column="text"), {"text": "It is 4.", "targets": "4", "inputs": "2 + 2?"}, None),
        (Reference(name="r", column="text"), {"text": "It is.", "targets": "4", "inputs": "2 + 2?"}, "no_answer"),
        (Reference(name="r", column="text", unstated="keep"), {"text": "It is.", "targets": "4", "inputs": ""}, None),
        (Reference(name="r", column="text", instruction=""), {"text": "It is (B).", "targets": "(B)"}, None),
        (Reference(name="r", column="text"), {"text": "It is 4.", "targets": None, "inputs": "2 + 2?"}, None),
        (
            Reference(name="r", column="text"),
            {"text": "Blue.", "targets": "It depends on the sky.", "inputs": ""},
            None,
        ),
    ],
)
def test_steps_of_checks_give_the_reason(step: RowStep, columns: dict[str, Any], reason: str | None):
    verdict = drive(step, row(0, **columns)).verdict
    assert (verdict.reason if isinstance(verdict, Dropped) else None) == reason
    assert isinstance(verdict, Dropped) or verdict.columns == columns


def test_an_answer_that_differs_can_be_marked_instead():
    step = Reference(name="r", column="text", action="mark")
    verdict = drive(step, row(0, text="So it is 7.", targets="8", inputs="")).verdict
    assert isinstance(verdict, Kept)
    assert verdict.columns["other_answer"] == "other_answer: '7', not '8'"
