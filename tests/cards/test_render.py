"""A card rendered beside real Parquet files, read back by the libraries that its readers use."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt

from bezoar_data.cards.check import check_dataset
from bezoar_data.cards.front_matter import PERSONS
from bezoar_data.cards.render import card_renderer
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import load_card, parse_card
from bezoar_data.config.files.card_text import front_text
from support.cards import lock_of, render_card
from support.orca_rows import orca_row

ORCA = Path(__file__).parents[2] / "cards" / "orca.md"


def rendered(build: Any, template: Path | None = ORCA, previous: str | None = None) -> str:
    text = render_card(template, build.lock, build.example, previous=previous)
    (build.folder / "README.md").write_text(text, encoding="utf-8")
    return text


def tokens(text: str) -> list[Any]:
    """All tokens of the body as a reader of the Hub's dialect (CommonMark with tables) sees them."""
    flat = []
    for token in MarkdownIt("commonmark").enable("table").parse(parse_card(text, "README.md").body):
        flat += [token, *(token.children or [])]
    return flat


def headings(text: str) -> list[str]:
    found = tokens(text)
    return [found[i + 1].content for i, token in enumerate(found) if token.type == "heading_open"]


def load(folder: Path, cache: Path) -> Any:
    from datasets import load_dataset

    return load_dataset(str(folder), cache_dir=str(cache))


@pytest.mark.parametrize("template", [ORCA, None])
def test_load_dataset_reads_splits_and_rows(build: Callable[..., Any], template: Path | None, tmp_path: Path) -> None:
    made = build()
    rendered(made, template)
    dataset = load(made.folder, tmp_path / "cache")
    assert {name: len(split) for name, split in dataset.items()} == {"train": 8, "validation": 2}
    indices = sorted(row["original_index"] for split in dataset.values() for row in split)
    assert indices == list(range(10))
    assert dataset["train"].features["seed_ids"].feature.dtype == "string"


def test_the_snippet_on_the_card_runs_and_selects_accepted_rows(build: Callable[..., Any], tmp_path: Path) -> None:
    made = build()
    code = re.search(r"```python\n(.*?)```", rendered(made), re.DOTALL)
    assert code
    import datasets

    def local(path: str) -> Any:
        assert path == "path/to/dataset"
        return load(made.folder, tmp_path / "cache")

    names: dict[str, Any] = {"load_dataset": local}
    exec(code[1].replace("from datasets import load_dataset\n", ""), names)  # noqa: S102
    accepted = datasets.concatenate_datasets(list(names["accepted"].values()))
    assert len(accepted) == 7
    assert set(accepted["judge_status"]) == {"Accept"}


def test_a_dataset_without_rows_has_a_card_and_can_be_streamed(build: Callable[..., Any]) -> None:
    from datasets import load_dataset

    made = build(rows=[])
    text = rendered(made)
    assert "There is no example: the dataset has no rows." in text
    assert "It judged no row." in text
    dataset = load_dataset(str(made.folder), streaming=True)
    assert {name: list(split) for name, split in dataset.items()} == {"train": [], "validation": []}
    assert "explained_targets" in dataset["train"].features


def test_a_split_without_rows_does_not_keep_the_others_from_loading(build: Callable[..., Any], tmp_path: Path) -> None:
    made = build(rows=[orca_row(0)])
    assert [file["rows"] for file in made.lock["data"]] == [1, 0]
    text = rendered(made)
    assert "A split without rows has a file but is not declared" in text
    assert {name: len(split) for name, split in load(made.folder, tmp_path).items()} == {"train": 1}


def test_loading_notices_rows_that_the_card_does_not_tell_of(build: Callable[..., Any], tmp_path: Path) -> None:
    made = build()
    text = rendered(made)
    readme = made.folder / "README.md"
    readme.write_text(text.replace("num_examples: 8", "num_examples: 9"), encoding="utf-8")
    with pytest.raises(Exception, match="num_examples=9"):
        load(made.folder, tmp_path)


def test_the_hubs_own_reader_gets_every_value(build: Callable[..., Any]) -> None:
    made = build()
    rendered(made)
    card = DatasetCard.load(made.folder / "README.md")
    data = card.data.to_dict()
    keys = list(parse_card(card.content, "README.md").front)
    assert keys[:6] == ["license", "language", "pretty_name", "size_categories", "task_categories", "tags"]
    assert data["license"] == "unknown"
    assert data["size_categories"] == ["n<1K"]
    assert {"synthetic", "distilabel", "demo", "orca"} <= set(data["tags"])
    assert keys[-1] == "bezoar"
    assert [(s["name"], s["num_examples"]) for s in data["dataset_info"]["splits"]] == [("train", 8), ("validation", 2)]
    own = data["bezoar"]
    assert own["lock"] == made.hash
    assert own["counts"] == made.lock["counts"]
    assert {*own} == {"version", "pipeline", "lock", "demo", "counts", "licence", *PERSONS} - {"terms"}
    assert own["views"]["sft"]["response"] == "explained_targets"
    assert own["licence"]["commercial"] == "unknown"
    assert card.text.lstrip().startswith("# Explained answers to FLAN-style tasks")


def test_readers_of_both_yaml_versions_see_the_same_values(build: Callable[..., Any], tmp_path: Path) -> None:
    template = tmp_path / "card.md"
    front = 'language: no\npretty_name: "1e3"\ntags: ["on", "12:30:45", "0x1F", "2024-01-01", "~", "a: b", "#x"]\n'
    template.write_text(f"---\n{front}---\n# {{{{ title }}}}\n", encoding="utf-8")
    made = build()
    text = render_card(template, made.lock, made.example, previous=None)
    old = yaml.safe_load(text.split("---\n")[1])
    new = parse_card(text, "README.md").front
    assert old == new
    assert (new["language"], new["pretty_name"]) == ("no", "1e3")
    # A hash such as this one is a number to readers of YAML 1.2 if it is not quoted.
    text = front_text({"bezoar": {"lock": "1234567890123e45"}})
    assert yaml.safe_load(text.split("---\n")[1]) == parse_card(text, "README.md").front
    assert parse_card(text, "README.md").bezoar["lock"] == "1234567890123e45"


def test_every_figure_follows_the_lock(build: Callable[..., Any]) -> None:
    made = build()
    lock = copy.deepcopy(made.lock)
    lock["counts"] = {"source": 70_001, "kept": 60_002, "dropped": 9_999}
    lock["judges"][0].update(accepted=50_001, rejected=10_001, ratings={"5": 50_001, "2": 10_001})
    lock["usage"][0].update(answers=70_001, prompt_tokens=8_000_003, completion_tokens=4_000_004, cost=1.5)
    lock["cost"] = 1.5
    lock["steps"][1]["dropped"] = {"truncated_answer": 9_001}
    lock["steps"][2]["noted"] = {"personal_data": 7}
    lock["sources"][0].update(rows=70_001, kept=60_002)
    text = render_card(ORCA, lock, made.example, previous=rendered(made))
    for figure in (
        "**Size:** 60,002 rows (",
        "made from 70,001 source rows; 9,999 dropped on the way",
        "accepted 50,001 and rejected 10,001 of 60,002 rows: 83.3 % accepted",
        "| `orca-explain` | `demo-teacher` | 70,001 | 8,000,003 | 4,000,004 | $1.50 |",
        "9,001 × `truncated_answer`",
        "kept: 7 × `personal_data`",
        "| `flan` | 60,002 | 9,999 |",
    ):
        assert figure in text
    front = parse_card(text, "README.md").front
    assert front["size_categories"] == ["10K<n<100K"]
    assert front["bezoar"]["counts"] == lock["counts"]
    assert made.hash not in text


def test_carbon_is_told_where_every_model_that_answered_states_it(build: Callable[..., Any]) -> None:
    made = build()
    assert "Carbon: not known." in rendered(made)
    lock = copy.deepcopy(made.lock)
    lock["usage"].append({**lock["usage"][0], "step": "judge-accept", "model": "demo-judge", "prompt_tokens": 1000})
    lock["models"][0]["carbon"] = {"input": 20, "output": 150, "source": "our own meter"}
    assert "Carbon: not known." in render_card(ORCA, lock, made.example, previous=None)
    lock["models"][1]["carbon"] = {"input": 0, "output": 1000, "source": "its maker's page"}
    text = render_card(ORCA, lock, made.example, previous=None)
    # 12,345 and 6,789 tokens of the teacher at 20 and 150 grams a million, 6,789 of the judge at 1,000.
    assert "Carbon: 8.054 g of CO₂ equivalent" in text
    assert "`demo-teacher`: our own meter; `demo-judge`: its maker's page" in text.replace("&#39;", "'")


def test_the_same_inputs_give_the_same_bytes_and_a_second_render_changes_nothing(build: Callable[..., Any]) -> None:
    made = build()
    first = rendered(made)
    assert rendered(made) == first
    assert rendered(made, previous=first) == first


def test_demo_data_says_so_and_real_data_does_not(build: Callable[..., Any]) -> None:
    demo = build(demo=True)
    text = rendered(demo)
    assert "This is demonstration data" in text
    real = build(demo=False)
    again = rendered(real, previous=text)
    assert "demonstration" not in again
    assert "demo" not in parse_card(again, "README.md").front["tags"]


def test_the_licence_is_unknown_unless_the_author_states_one(build: Callable[..., Any], tmp_path: Path) -> None:
    made = build()
    assert "**Licence: unknown.** **Commercial use: unknown.**" in rendered(made)
    template = tmp_path / "card.md"
    template.write_text("---\nlicense: cc-by-4.0\n---\n# {{ title }}\n", encoding="utf-8")
    text = rendered(made, template)
    card = parse_card(text, "README.md")
    assert card.front["license"] == "cc-by-4.0"
    assert card.bezoar["licence"]["commercial"] == "unknown"
    assert "as stated by the card's author" in text


def test_missing_facts_are_said_to_be_unknown(build: Callable[..., Any]) -> None:
    made = build()
    lock = copy.deepcopy(made.lock)
    lock["cost"] = lock["usage"][0]["cost"] = None
    lock["models"][0].update(
        output_licence={"id": "unknown", "commercial": "unknown"}, revision=None, sampling={"stop": ()}
    )
    lock["models"][0]["demo"] = False
    lock["pipeline"]["limit"] = 12
    text = render_card(ORCA, lock, made.example, previous=None)
    for words in (
        "Total: unknown: the price of at least one model is not known.",
        "not pinned",
        "the provider's defaults",
        "the terms of its outputs are unknown",
        "limited to the first 12 rows",
        "Only a part of the sources was used.",
    ):
        assert words in text


NASTY = (
    "<!-- bezoar:end example -->\n# Not a heading\n---\nlicense: mit\n---",
    "```\n</details><script>alert(1)</script>\n````` \n~~~\n",
    "<!-- bezoar:begin licence -->\nCommercial use: yes\n<!-- bezoar:end licence -->",
    "| a | b |\n|---|---|\n| ![x](http://evil.example/p.png) | [y](javascript:alert(1)) |",
    "\x1b[31mred\x1b[0m \u202egnp.exe\u202c \u200bhidden\x00 \u2028line",
    "{{ lock }} {% for x in steps %}{{ x }}{% endfor %} ${{7*7}}",
    "my key is sk-proj-abcdefghijklmnop1234567890",
    "`` ` ``` <b>bold</b> &lt; *a* _b_ \\| $$x$$ `",
    "\t\tindented\r\n    code\r\n> quote\r\n1. list",
    "",
    "x" * 50_000,
)


OURS = r"(<!-- bezoar:\w+ [^>]*-->\s*)+|<details>\n<summary>[^<>]+</summary>|</details>"
"""The only HTML between paragraphs."""


@pytest.mark.parametrize("nasty", NASTY)
def test_a_nasty_row_is_shown_and_never_obeyed(build: Callable[..., Any], nasty: str, tmp_path: Path) -> None:
    plain = build()
    made = build(rows=[orca_row(0, inputs=nasty, explained_targets=nasty, judge_reason=nasty, targets=nasty[:60])])
    text = rendered(made)
    assert headings(text) == headings(rendered(plain))
    kinds = {token.type for token in tokens(text)}
    assert not kinds & {"image", "html_inline"}
    assert not [token for token in tokens(text) if token.type == "link_open"]
    comments = [token.content.strip() for token in tokens(text) if token.type == "html_block"]
    assert all(re.fullmatch(OURS, comment) for comment in comments), comments
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u202a-\u202e]", text)
    assert "sk-proj-abcdefghijklmnop" not in text
    assert 'commercial: "yes"\n  licence' not in text
    assert len(text) < 60_000
    # Whatever the row holds, the sections stay whole: a second render finds and replaces each of them.
    assert rendered(made, previous=text) == text
    assert load(made.folder, tmp_path / "cache")["train"]["inputs"] == [nasty]


@pytest.mark.parametrize("nasty", NASTY[:-1])
def test_nasty_names_are_shown_and_never_obeyed(build: Callable[..., Any], nasty: str) -> None:
    plain = build()
    made = build()
    lock = copy.deepcopy(made.lock)
    lock["pipeline"]["description"] = nasty
    lock["sources"][0].update(name=nasty, licence=nasty or None, url=nasty, revision=nasty or None)
    lock["models"][0].update(model=nasty, provider=nasty, revision=nasty)
    lock["models"][0]["output_licence"] = {"id": nasty, "commercial": "unknown", "url": nasty, "note": nasty}
    lock["models"][0]["sampling"] = {"stop": [nasty]}
    lock["steps"][1]["dropped"] = {nasty: 1}
    lock["steps"][2].update(id=f"n{nasty}", texts={nasty: nasty})
    lock["judges"][0]["ratings"] = {nasty: 10}
    text = render_card(ORCA, lock, made.example, previous=None)
    assert headings(text) == headings(rendered(plain))
    assert not {token.type for token in tokens(text)} & {"image"}
    assert not [token for token in tokens(text) if token.type == "link_open"]
    blocks = [token.content.strip() for token in tokens(text) if token.type == "html_block"]
    assert all(re.fullmatch(OURS, block) for block in blocks), blocks
    # The only HTML in a paragraph or a table is our own line break.
    assert {token.content for token in tokens(text) if token.type == "html_inline"} <= {"<br>"}
    rows = [token for token in tokens(text) if token.type == "tr_open"]
    assert len(rows) == len([t for t in tokens(rendered(plain)) if t.type == "tr_open"]) - 1
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u202a-\u202e]", text)
    assert "sk-proj-abcdefghijklmnop" not in text
    assert yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n")) == parse_card(text, "README.md").front
    assert render_card(ORCA, lock, made.example, previous=text) == text


def test_plain_web_addresses_become_links_and_others_do_not(build: Callable[..., Any]) -> None:
    made = build()
    lock = copy.deepcopy(made.lock)
    lock["sources"][0].update(name="Muennighoff/flan", url="https://huggingface.co/datasets/Muennighoff/flan")
    text = render_card(ORCA, lock, made.example, previous=None)
    links = [token.attrs["href"] for token in tokens(text) if token.type == "link_open"]
    assert links == ["https://huggingface.co/datasets/Muennighoff/flan"]
    assert parse_card(text, "README.md").front["source_datasets"] == ["Muennighoff/flan"]
    lock["sources"][0]["url"] = "javascript:alert(1)"
    text = render_card(ORCA, lock, made.example, previous=None)
    assert not [token for token in tokens(text) if token.type == "link_open"]


def test_a_view_on_a_column_that_the_dataset_lacks_is_refused(build: Callable[..., Any], tmp_path: Path) -> None:
    template = tmp_path / "card.md"
    template.write_text(
        "---\nbezoar:\n  views:\n    sft:\n      prompt: inputs\n      response: explaned_targets\n---\n# T\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        rendered(build(), template)
    (problem,) = caught.value.problems
    assert problem.code == "unknown-column"
    assert problem.place is not None
    assert (problem.place.file, problem.place.line) == (str(template), 6)
    assert "explained_targets" in problem.hint


def test_a_wrong_template_or_readme_is_refused_before_a_run(tmp_path: Path) -> None:
    template = tmp_path / "card.md"
    template.write_text(
        "---\ntags: 5\n---\n{{ sections.sumary }}\n{{ counts.kpet }}\n{{ nothing }}\n", encoding="utf-8"
    )
    readme = tmp_path / "README.md"
    readme.write_text("---\nlicense: [\n---\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        card_renderer(template)
    assert [(p.code, p.place and p.place.line) for p in caught.value.problems] == [
        ("wrong-type", 2),
        ("unknown-section", 4),
        ("undefined-value", 6),
    ]
    with pytest.raises(InputError) as caught:
        card_renderer(None, previous=readme)
    assert caught.value.problems[0].place
    assert caught.value.problems[0].place.file == str(readme)
    with pytest.raises(InputError) as caught:
        card_renderer(ORCA, columns=("inputs", "system_message"))
    assert [p.code for p in caught.value.problems] == ["unknown-column"]
    assert card_renderer(ORCA, columns=("inputs", "system_message", "explained_targets"), previous=tmp_path / "none")


def test_sections_that_a_template_leaves_out_stand_at_the_end(build: Callable[..., Any], tmp_path: Path) -> None:
    template = tmp_path / "card.md"
    template.write_text(
        "---\n---\n# Mine\n\n## Why\n\nBecause.\n\n## Terms\n\n{{ sections.licence }}\n", encoding="utf-8"
    )
    found = headings(rendered(build(), template))
    assert found[:3] == ["Mine", "Why", "Terms"]
    assert found[3:] == [
        "Summary",
        "How to load it",
        "Who made it, when and for what",
        "Fields",
        "An example row",
        "Statistics",
        "Splits",
        "How it was made",
        "Sources",
        "Models",
        "Prompts and rubrics",
        "Judge",
        "Human review",
        "Contamination",
        "Personal data",
        "Cost",
        "Limitations",
        "Changes",
        "Citation",
    ]


def test_a_licence_that_follows_is_not_taken_for_a_persons_word(build: Callable[..., Any]) -> None:
    made = build()
    lock = copy.deepcopy(made.lock)
    lock["sources"][0]["licence"] = "CC-BY-4.0"
    first = render_card(ORCA, lock, made.example, previous=None)
    lock["sources"][0]["licence"] = "CC-BY-NC-4.0"
    second = render_card(ORCA, lock, made.example, previous=first)
    found = [parse_card(text, "README.md") for text in (first, second)]
    assert [card.front["license"] for card in found] == ["cc-by-4.0", "cc-by-nc-4.0"]
    assert [card.bezoar["licence"]["commercial"] for card in found] == ["yes", "no"]
    assert not any(card.bezoar["licence"]["stated"] for card in found)
    assert "Contains material from flan, used under CC-BY-NC-4.0" in second.replace("\\", "")


CONTRADICTED = {"license": "other", "license_name": "contradicted: mit"}
SPDX = "https://spdx.org/licenses/"


@pytest.mark.parametrize(
    ("front", "licence", "keys", "address"),
    [
        ("license: mit", "CC-BY-NC-4.0", CONTRADICTED, "contradicted: mit"),
        ("license: MIT", "CC-BY-NC-4.0", CONTRADICTED, "contradicted: mit"),
        ("license: [MIT, cc-by-4.0]", "MIT", {"license": ["mit", "cc-by-4.0"]}, "mit AND cc-by-4.0"),
        ("license: Apache-2.0", "MIT", {"license": "apache-2.0"}, f"{SPDX}Apache-2.0.html"),
        (
            "license: MIT OR Apache-2.0", "MIT",
            {"license": "other", "license_name": "MIT OR Apache-2.0", "license_link": SPDX}, "MIT OR Apache-2.0",
        ),
        (
            "license: other\nlicense_name: my-terms\nlicense_link: LICENSE", "MIT",
            {"license": "other", "license_name": "my-terms", "license_link": "LICENSE"}, "my-terms",
        ),
        ("license: unknown", "CC-BY-4.0 AND MIT",
         {"license": "other", "license_name": "CC-BY-4.0 AND MIT", "license_link": SPDX}, "CC-BY-4.0 AND MIT"),
        ("bezoar: {terms: {CC-BY-NC-4.0: {commercial: 'yes'}}}", "CC-BY-NC-4.0", {"license": "unknown"}, None),
        ("bezoar: {terms: {LicenseRef-x: {url: 'https://example.org'}}}", "LicenseRef-x",
         {"license": "other", "license_name": "LicenseRef-x", "license_link": "https://example.org"},
         "https://example.org"),
    ],
)  # fmt: skip
def test_a_licence_stands_as_the_hub_takes_it_and_the_card_holds(
    build: Callable[..., Any], tmp_path: Path, front: str, licence: str, keys: dict[str, Any], address: str | None
) -> None:
    made = build()
    lock = copy.deepcopy(made.lock)
    lock["sources"][0]["licence"] = licence
    for model in lock["models"]:
        model["output_licence"] = {"id": "CC0-1.0", "commercial": "yes"}
    template = tmp_path / "card.md"
    template.write_text(f"---\n{front}\n---\n# {{{{ title }}}}\n", encoding="utf-8")
    render = card_renderer(template)
    texts = render(lock_of(lock), made.example, None)
    for name, text in {**texts, "lock.json": json.dumps(lock_of(lock).as_json())}.items():
        (made.folder / name).write_text(text, encoding="utf-8")
    shown = load_card(made.folder / "README.md").front
    assert {key: shown[key] for key in shown if key.startswith("license")} == keys
    assert json.loads(texts["croissant.json"]).get("license") == address
    of_the_card = ("card-differs", "section-differs", "croissant-differs")
    assert [p for p in check_dataset(made.folder) if p.code in of_the_card] == []
    edited = texts["README.md"].replace("license", "licenses", 1)
    (made.folder / "README.md").write_text(edited, encoding="utf-8")
    assert "card-differs" in [p.code for p in check_dataset(made.folder)]
    assert render(lock_of(lock), made.example, texts["README.md"]) == texts


@pytest.mark.parametrize(
    ("edit", "name"),
    [("MIT OR Apache-2.0", "MIT OR Apache-2.0"), ("mit", "contradicted: mit"), ("MIT-0", "contradicted: MIT-0")],
)
def test_a_licence_that_a_person_wrote_into_the_readme_stays_theirs(
    build: Callable[..., Any], tmp_path: Path, edit: str, name: str
) -> None:
    made = build()
    lock = copy.deepcopy(made.lock)
    lock["sources"][0]["licence"] = "MIT AND CC-BY-NC-4.0" if "contradicted" in name else "MIT AND CC-BY-4.0"
    for model in lock["models"]:
        model["output_licence"] = {"id": "CC0-1.0", "commercial": "yes"}
    render = card_renderer(None)
    derived = render(lock_of(lock), made.example, None)["README.md"]
    assert "license: other" in derived
    edited = re.sub(r"(?s)^---\nlicense: other\nlicense_name: [^\n]*\n(license_link: [^\n]*\n)?", "---\n", derived)
    edited = edited.replace("---\n", f"---\nlicense: {edit}\n", 1)
    first = render(lock_of(lock), made.example, edited)
    front = parse_card(first["README.md"], "README.md").front
    assert (front["license"], front["license_name"], front["bezoar"]["licence"]["stated"]) == ("other", name, True)
    assert render(lock_of(lock), made.example, first["README.md"]) == first


def test_the_example_is_shown_as_trainers_read_it(build: Callable[..., Any], tmp_path: Path) -> None:
    talk = [{"role": "user", "content": "Two and two?"}, {"role": "assistant", "content": "Four.\n# No heading"}]
    made = build(rows=[{"talk": talk, "worse": talk[1:]} for _ in range(3)])
    template = tmp_path / "card.md"
    views = "{messages: {messages: talk}, preference: {prompt: talk, chosen: talk, rejected: worse}}"
    template.write_text(f"---\nbezoar:\n  views: {views}\n---\n# {{{{ title }}}}\n", encoding="utf-8")
    text = rendered(made, template)
    assert "read of it by the view `messages`:\n\n- `talk`, user: `Two and two?`\n- `talk`, assistant\n" in text
    assert "- `worse`, assistant\n\n  ```text\n  Four.\n  # No heading\n  ```" in text
    assert text.count("Two and two?") == 1  # each value stands once, however many views read it
    assert "No heading" not in headings(text)


def test_the_card_tells_what_was_searched_for_personal_data(build: Callable[..., Any]) -> None:
    plain = build()
    assert "Not checked: rows may hold personal data" in rendered(plain)
    assert "Personal data was not searched for." in rendered(plain)
    search = {**plain.lock["steps"][2], "id": "mask", "use": "personal_data", "dropped": {}, "noted": {"masked": 1234}}
    text = rendered(build(steps=[*plain.lock["steps"], search]))
    assert "The step `mask` searched 11 rows: 1,234 masked." in text
    assert "Not checked: rows may hold personal data" not in text
    assert "Personal data was not searched for." not in text
