"""Rows as they went wrong in other tools, each kind once: a file, the steps that read it, and what is right.

The numbers are those of a list of reports; each report is about another program than this one.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Row = Mapping[str, Any]
NAN, INF = float("nan"), float("inf")


@dataclass(frozen=True)
class Case:
    """One file of rows. `kept` are the rows that stand in the dataset, of each the columns that matter."""

    rows: Sequence[Row] = ()
    steps: str = ""
    kept: Sequence[Row] | None = None
    file: str = "rows.jsonl"
    content: bytes | None = None
    """The file's own bytes, where they are no JSON Lines of `rows`."""
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Dropped rows by reason."""
    words: Sequence[str] = ()
    """What dropped rows said, each to be found among them."""
    views: str = "{messages: {messages: messages}}"
    mixed: Sequence[str] = ()
    """Columns that the card says are JSON text."""
    exports: Mapping[str, tuple[Sequence[Any], Mapping[str, int]]] = field(default_factory=dict)
    """For a format the rows that it writes, and how many are left out by reason."""
    code: int = 0
    said: str = ""
    """What the command says."""

    @property
    def bytes(self) -> bytes:
        if self.content is not None:
            return self.content
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows).encode()


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def says(text: Any, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


TALK = [user("What do owls eat?"), says("Mice.")]
TALKS = "  - {use: load_conversations, with: {path: rows.jsonl}}\n"


def talks(keep: str, path: str = "rows.jsonl") -> str:
    return f"  - {{use: load_conversations, with: {{path: {path}, keep: [{keep}]}}}}\n"


def beside(**columns: Sequence[Any]) -> list[Row]:
    """Dialogues with other columns beside them."""
    return [
        {"messages": TALK, **dict(zip(columns, values, strict=True))} for values in zip(*columns.values(), strict=True)
    ]


def asked(*texts: Any, **columns: Sequence[Any]) -> list[Row]:
    return [
        {"instruction": text, **{name: values[i] for name, values in columns.items()}} for i, text in enumerate(texts)
    ]


def parquet(**columns: Sequence[Any]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table(dict(columns)), out)
    return out.getvalue()


PAIR = "{preference: {prompt: prompt, chosen: messages, rejected: rejected}}"
PAIRS = "  - use: load_conversations\n    with: {path: rows.jsonl, column: chosen, keep: [prompt, rejected]}\n"


def pair(prompt: str, *before: Row, better: str = "An owl", worse: str = "A cow") -> Row:
    return {"prompt": prompt, "chosen": [*before, says(better)], "rejected": [*before, says(worse)]}


def pair_of(*before: Row) -> Row:
    return {"prompt": list(before), "chosen": [says("An owl")], "rejected": [says("A cow")]}


TERSE = {"role": "system", "content": "Be terse."}
CALL = {"type": "function", "function": {"name": "tide", "arguments": '{"port": "Brest"}'}}
CALLS = [
    user("High tide in Brest?"),
    says("", tool_calls=[CALL]),
    {"role": "tool", "content": "04:10"},
    says("At 04:10."),
]
TALKING = [CALLS[0], says("Let me see.", tool_calls=[CALL]), CALLS[2], CALLS[3]]
BIG = 2**53 + 1
HUGE = 314159265358979323846264338327
MARKED = [
    ("What is an owl?\r\n<extra_id_1>Assistant\r\nA bird.\r\n<extra_id_1>User\r\nAnd a bat?", "No bird."),
    ("<extra_id_1>User\nWhat is an owl?\n<extra_id_1>Assistant\nA bird.\n<extra_id_1>User\nAnd a bat?", "No bird."),
    ("<extra_id_0>System\nBe kind.\n<extra_id_1>User\nHello", "Hello!"),
    ("What is an owl?\n<extra_id_1>Assistant", "A bird."),
    ("What is an owl?", "A bird.\n<extra_id_1>User\nAnd a bat?"),
]
SCORES = {"helpfulness": 3, "correctness": 3, "coherence": 4, "complexity": 1, "verbosity": 1}
OTHERS = [
    "Sort a list in C.", "Sort a list in C++.", "Sort a list in C#.", "What is 31 + 4?", "What is 31 - 4?",
    "Is -8 above 2?", "Is 8 above -2?", "Solve y > 9", "Solve y < 9", "Who says 🦉?", "Who says 🦇?",
]  # fmt: skip
FOREIGN = ["Расскажи о совах.", "猫头鹰吃什么？", "ماذا تأكل البومة؟"]
JUDGE = """\
  - {use: load_instructions, with: {path: rows.jsonl, keep: [response]}}
  - use: judge.accept
    with: {model: judge, as: g, instruction: instruction, response: response, system: "", reference: ""}
  - {use: where, with: {expression: g_rating >= 3}}
"""

CASES: dict[str, Case] = {
    "01-int-then-float": Case(beside(score=[7, 1.5]), talks("score"), [{"score": 7.0}, {"score": 1.5}]),
    "03-pair-whole-dialogues": Case(
        [pair("Who hoots?", user("Who hoots?"))],
        PAIRS,
        [{"prompt": "Who hoots?"}],
        views=PAIR,
        exports={"trl": ([pair_of(user("Who hoots?"))], {}), "messages": ([pair_of(user("Who hoots?"))], {})},
    ),
    "04-pair-prefix-differs": Case(
        [pair("Who hoots?", user("Who hoots?\n")), pair("Who hoots?", TERSE, user("Who hoots?"))],
        PAIRS,
        views=PAIR,
        exports={
            "alpaca": (
                [
                    {"instruction": "Who hoots?\n", "input": "", "chosen": "An owl", "rejected": "A cow"},
                    {
                        "instruction": "Who hoots?",
                        "input": "",
                        "chosen": "An owl",
                        "rejected": "A cow",
                        "system": "Be terse.",
                    },
                ],
                {},
            )
        },
    ),
    "05-pair-empty-rejected": Case(
        [pair("Who hoots?", user("Who hoots?")), pair("Who moos?", user("Who moos?"), worse="")],
        PAIRS,
        views=PAIR,
        exports={
            "trl": ([pair_of(user("Who hoots?"))], {"empty": 1}),
            "alpaca": (
                [{"instruction": "Who hoots?", "input": "", "chosen": "An owl", "rejected": "A cow"}],
                {"empty": 1},
            ),
            "sharegpt": (
                [
                    {
                        "conversations": [{"from": "human", "value": "Who hoots?"}],
                        "chosen": {"from": "gpt", "value": "An owl"},
                        "rejected": {"from": "gpt", "value": "A cow"},
                    }
                ],
                {"empty": 1},
            ),
        },
    ),
    "07-empty-struct": Case(beside(about=[{}, {}]), talks("about"), [{"about": "{}"}] * 2, mixed=["about"]),
    "09-bigint-then-float": Case(
        beside(n=[*range(BIG, BIG + 1100), 0.25]),
        talks("n"),
        [*({"n": str(BIG + i)} for i in range(1100)), {"n": "0.25"}],
        mixed=["n"],
    ),
    "11-tool-calls": Case(
        [{"messages": CALLS}, {"messages": TALKING}],
        TALKS,
        exports={
            "messages": ([{"messages": CALLS}, {"messages": TALKING}], {}),
            "alpaca": ([], {"tool_calls": 2}),
            "sharegpt": (
                [
                    {
                        "conversations": [
                            {"from": "human", "value": "High tide in Brest?"},
                            {"from": "function_call", "value": '{"name": "tide", "arguments": {"port": "Brest"}}'},
                            {"from": "observation", "value": "04:10"},
                            {"from": "gpt", "value": "At 04:10."},
                        ]
                    }
                ],
                {"text_beside_calls": 1},
            ),
        },
    ),
    "14-role-null": Case(
        [{"messages": [{"role": None, "content": "Who hoots?"}, says("Owls.")]}, {"messages": TALK}],
        TALKS,
        [{"messages": TALK}],
        dropped={"roles": 1},
        words=["Who hoots?"],
    ),
    "15-alpaca-loses-turns": Case(
        [
            {"messages": [says("Welcome."), *TALK]},
            {"messages": [*TALK, TERSE, *TALK]},
            {"messages": [user("Psst."), *TALK]},
            {"messages": [*TALK, *TALK]},
        ],
        TALKS,
        exports={
            "alpaca": (
                [
                    {
                        "instruction": "What do owls eat?",
                        "input": "",
                        "output": "Mice.",
                        "history": [["What do owls eat?", "Mice."]],
                    }
                ],
                {"greeting": 1, "system_turns": 1, "turns_in_a_row": 1},
            )
        },
    ),
    "17-content-parts": Case(
        [
            {
                "messages": [
                    user([{"type": "text", "text": "What do owls eat?"}]),
                    says([{"type": "text", "text": "Mice."}]),
                ]
            },
            {"messages": [user([{"type": "image_url", "image_url": {"url": "owl.png"}}]), says("An owl.")]},
            {"messages": TALK},
        ],
        TALKS,
        [{"messages": TALK}, {"messages": TALK}],
        dropped={"not_text": 1},
    ),
    "19-role-spellings": Case(
        [
            {
                "messages": [
                    {first: role, text: said} for role, said in zip(roles, ("What do owls eat?", "Mice."), strict=True)
                ]
            }
            for first, text, roles in [
                ("role", "content", ("Human", "Assistant")),
                ("role", "content", ("USER", "BOT")),
                ("from", "value", ("human", "chatgpt")),
            ]
        ],
        TALKS,
        [{"messages": TALK}] * 3,
    ),
    "20-helpsteer2-markers": Case(
        [{"prompt": prompt, "response": response, **SCORES} for prompt, response in MARKED],
        "  - {use: load_helpsteer2, with: {path: rows.jsonl}}\n",
        [{"prompt": [user("What is an owl?"), says("A bird."), user("And a bat?")], "response": "No bird."}] * 2,
        dropped={"roles": 2, "even": 1},
        views="{sft: {prompt: prompt, response: response}}",
    ),
    "21-where-on-judge-rating": Case(
        asked(
            "What do owls eat?",
            "Who hoots?",
            response=["Owls eat mice and other small animals.", "I'm sorry, but I can't help with that."],
        ),
        JUDGE,
        [{"g_rating": 4, "g_status": "Accept"}],
        dropped={"not_chosen": 1},
        views="{sft: {prompt: instruction, response: response}}",
    ),
    "23-neardup-symbols": Case(
        asked(*OTHERS, "Sort  a list in C.", response=["r"] * (len(OTHERS) + 1)),
        "  - {use: load_instructions, with: {path: rows.jsonl, keep: [response]}}\n"
        "  - {use: near_duplicates, with: {column: instruction, threshold: 0.9}}\n",
        asked(*OTHERS),
        dropped={"near_duplicate": 1},
        views="{sft: {prompt: instruction, response: response}}",
    ),
    "24-one-empty-instruction": Case(
        asked("What do owls eat?", "", "Who hoots?", note=["n1", "n2", "n3"]),
        "  - {use: load_instructions, with: {path: rows.jsonl, keep: [note]}}\n",
        asked("What do owls eat?", "Who hoots?", note=["n1", "n3"]),
        dropped={"empty": 1},
        words=["n2"],
        views="{}",
    ),
    "26-json-list": Case(
        file="rows.json",
        content=json.dumps([{"messages": TALK}] * 2, indent=1).encode(),
        steps=talks("", "rows.json"),
        kept=[{"messages": TALK}] * 2,
    ),
    "27-json-list-as-jsonl": Case(
        content=json.dumps([{"messages": TALK}] * 2, indent=1).encode(), steps=TALKS, kept=[{"messages": TALK}] * 2
    ),
    "28-huge-int": Case(
        beside(n=[HUGE, 2**64 - 1, -3]),
        talks("n"),
        [{"n": str(HUGE)}, {"n": str(2**64 - 1)}, {"n": "-3"}],
        mixed=["n"],
    ),
    "29-nan": Case(beside(score=[NAN, 1.0]), talks("score"), [{"score": NAN}, {"score": 1.0}]),
    "31-zero-width": Case(
        asked(
            "\u200b", "Who hoots?", "What moos?", "Who barks?", response=["Owls.", "\u2060", "\u200b\u200b", "Dogs."]
        ),
        "  - {use: load_instructions, with: {path: rows.jsonl, keep: [response]}}\n",
        asked("Who hoots?", "What moos?", "Who barks?", response=["\u2060", "\u200b\u200b", "Dogs."]),
        dropped={"empty": 1},
        words=["Owls."],
        views="{sft: {prompt: instruction, response: response}}",
        exports={"alpaca": ([{"instruction": "Who barks?", "input": "", "output": "Dogs."}], {"empty": 2})},
    ),
    "33-no-row-left": Case(
        [{"messages": [user("  "), says("Mice.")]}],
        TALKS,
        [],
        dropped={"empty": 1},
        code=1,
        said="no row is left: the dataset is empty",
    ),
    "34-language-short-chinese": Case(
        asked("What do owls eat?", *FOREIGN),
        "  - {use: load_instructions, with: {path: rows.jsonl}}\n"
        "  - {use: language, with: {column: instruction, languages: [en]}}\n",
        asked("What do owls eat?"),
        dropped={"other_language": 3},
        words=FOREIGN,
        views="{}",
    ),
    "35-keep-id": Case(
        [{"id": "o7", "messages": TALK}], talks("id"), code=2, said="hint: give it another name: keep: {id: source_id}"
    ),
    "35-keep-id-renamed": Case(
        [{"id": "o7", "messages": TALK}],
        "  - {use: load_conversations, with: {path: rows.jsonl, keep: {id: source_id}}}\n",
        [{"source_id": "o7", "messages": TALK}],
    ),
    "36-dropped-without-words": Case(
        asked(*(f"Say {i}." for i in range(6)), response=[None, " ", 5, ["x"], {"a": "b"}, "Six."]),
        "  - {use: load_instructions, with: {path: rows.jsonl, keep: [response]}}\n"
        "  - {use: to_messages, with: {dataset: d, prompt: instruction, response: response}}\n",
        [{"messages": [user("Say 5."), says("Six.")], "dataset": "d"}],
        dropped={"empty": 2, "not_text": 1, "not_turns": 2},
        words=[f"Say {i}." for i in range(5)],
    ),
    "37-csv": Case(
        file="rows.csv",
        content=b'instruction,response\n"What, or who, hoots?","An owl,\nsay some."\n',
        steps="  - {use: load_instructions, with: {path: rows.csv, keep: [response]}}\n",
        kept=[{"instruction": "What, or who, hoots?", "response": "An owl,\nsay some."}],
        views="{sft: {prompt: instruction, response: response}}",
    ),
    "38-inf-in-parquet": Case(
        file="rows.parquet",
        content=parquet(messages=[TALK] * 3, f=[NAN, None, 0.5], most=[INF, -INF, 1.0]),
        steps=talks("f, most", "rows.parquet"),
        kept=[{"f": NAN, "most": INF}, {"f": None, "most": -INF}, {"f": 0.5, "most": 1.0}],
    ),
    "39-ids-int-and-float": Case(
        asked(*["Who hoots?"] * 4, pid=[3, 3.0, "3", 3], response=["Owls", "Cows", "Cats", "Dogs"], score=[9, 5, 7, 1]),
        "  - {use: load_instructions, with: {path: rows.jsonl, keep: [response, score, pid]}}\n"
        "  - {use: pairs.best_worst, with: {prompt: instruction, by: [pid], score: score}}\n",
        [{"chosen": [says("Owls")], "rejected": [says("Dogs")], "margin": 8.0}],
        dropped={"alone": 1},
        views="{preference: {prompt: prompt, chosen: chosen, rejected: rejected}}",
    ),
    "40-list-in-text": Case(
        beside(score=[1, "high", None, 2.5, True, [1], {"a": 1}]),
        talks("score"),
        [{"score": text} for text in ("1", "high", None, "2.5", "true", "[1]", '{"a": 1}')],
        mixed=["score"],
    ),
    "42-clean-eats-tokens": Case(
        asked("What does [INST] do in a prompt?", "[INST] Who hoots? [/INST]", "Is </s> an end? </s>"),
        "  - {use: load_instructions, with: {path: rows.jsonl}}\n  - {use: clean, with: {column: instruction}}\n",
        asked("What does [INST] do in a prompt?", "Who hoots?", "Is </s> an end?"),
        views="{}",
    ),
}
