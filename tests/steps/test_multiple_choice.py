import pytest

from bezoar_data.steps.multiple_choice import has_options, options

WITH_OPTIONS = {
    "Is it wet?\nOPTIONS:\n- yes\n- no": ("yes", "no"),
    "Is it wet?\nOptions:\n* yes\n* it is not possible to tell\n* no": ("yes", "it is not possible to tell", "no"),
    "Pick one.\n\nOptions:\n(A) 300\n(B) 992\n(C) 1120": ("300", "992", "1120"),
    "What reproduces?\nOptions:\n- (A) DNA\n- (B) a bird\n- (C) a stone": ("DNA", "a bird", "a stone"),
    "Which one?\nA. red wine\nB. white wine\nC. tea": ("red wine", "white wine", "tea"),
    "Which one?\n a) red wine\n b) white wine": ("red wine", "white wine"),
    "Which one?\n[A] iron\n[B] cork": ("iron", "cork"),
    "Which floats? (A) an iron nail (B) a cork (C) a pebble": ("an iron nail", "a cork", "a pebble"),
    "Which floats? A) a nail B) a cork": ("a nail", "a cork"),
    "Choices:\nred\ngreen\n\nWhich is it?": ("red", "green"),
    "Which is it?\nChoices: red, green, blue": ("red", "green", "blue"),
    "Answer choices: (a) no": (),
    "Possible answers:\n1. first\n2. second": ("first", "second"),
    "**Options:**\n- one\n- two": ("one", "two"),
}

OPEN = [
    "",
    "What is the capital of Peru?",
    "Name two options for dinner and say which you prefer.",
    "Summarise: The board discussed its options. It chose none.",
    "Steps:\n1. Peel the apples.\n2. Cut them.\n3. Bake them.",
    "A. Smith wrote to B. Jones. Who wrote?",
    "Under section 3 (a) of the rules, dogs are allowed. Are cats?",
    "Our plan has two options: the first is long and winding and goes over the hills for at least three days of "
    "walking, the second is short.",
    "Buy:\n- milk\n- bread\nWhat is missing for French toast?",
    "The chord goes (B) then (A). What key is it in?",
    "See figure (A). What does it show?",
    "options:\n",
]


@pytest.mark.parametrize("text", WITH_OPTIONS)
def test_lists_the_options_a_question_offers(text: str) -> None:
    assert options(text) == WITH_OPTIONS[text]


@pytest.mark.parametrize("text", OPEN)
def test_open_questions_have_no_options(text: str) -> None:
    assert not has_options(text), options(text)


def test_tells_the_real_chain_of_thought_files_apart(real_data) -> None:
    """AQuA, ECQA and QASC offer options in every question, StrategyQA in none."""
    counts = {}
    for name in ("aqua", "ecqa", "qasc", "strategyqa"):
        lines = (real_data / "flan_cot" / f"{name}_train.tsv").read_text(encoding="utf-8").split("\n")
        questions = [line.split("\t")[0].replace("\\n", "\n") for line in lines if line]
        counts[name] = sum(map(has_options, questions)) / len(questions)
    assert counts == {"aqua": 1.0, "ecqa": 1.0, "qasc": 1.0, "strategyqa": 0.0}
