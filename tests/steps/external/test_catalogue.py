"""What is known of distilabel's steps without importing it, and what pipeline files may say of them."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from bezoar_data.api import load_pipeline
from bezoar_data.config.errors import InputError
from bezoar_data.steps.external.refused import REFUSED, TRUSTS
from bezoar_data.steps.external.registry import distilabel_steps
from bezoar_data.steps.known import find_step

SOURCE = "  - use: distilabel:LoadDataFromDicts\n    with: {data: [{instruction: a, two: [b, c]}]}\n"


def test_none_of_distilabels_steps_is_forgotten() -> None:
    import distilabel.steps
    import distilabel.steps.tasks
    from distilabel.steps.base import _Step

    exported = {n: getattr(p, n) for p in (distilabel.steps, distilabel.steps.tasks) for n in p.__all__}
    steps = {
        n for n, c in exported.items() if inspect.isclass(c) and issubclass(c, _Step) and not inspect.isabstract(c)
    }
    known = {name.partition(":")[2] for name in distilabel_steps()}
    assert known | set(REFUSED) == steps
    assert not known & set(REFUSED)
    assert known >= TRUSTS


def test_examples_are_settings_and_columns_the_steps_take() -> None:
    from ruamel.yaml import YAML

    for name, entry in distilabel_steps().items():
        (use,) = YAML(typ="safe").load(entry.example)
        assert use["use"] == name
        given = use.get("with", {})
        assert entry.check_settings(given) == [], name
        assert list(entry.used_with(use.get("columns", {}), None).check_columns(given)) == [], name
        assert entry.summary.endswith("."), name


def test_columns_follow_the_settings() -> None:
    prometheus = find_step("distilabel:PrometheusEval")
    assert prometheus.columns({"mode": "relative"})[0] == ["instruction", "generations"]
    assert prometheus.columns({"mode": "absolute", "reference": True})[0] == ["instruction", "generation", "reference"]
    evol = find_step("distilabel:EvolInstruct")
    assert evol.columns({"store_evolutions": True, "generate_answers": True})[1] == ["evolved_instructions", "answers"]
    magpie = find_step("distilabel:Magpie")
    assert [magpie.columns({"n_turns": n})[1] for n in (1, 2, 5)] == [
        ["instruction", "response"],
        ["conversation"],
        ["conversation"],
    ]
    assert find_step("distilabel:ExpandColumns").columns({"columns": {"a": "b"}}) == (["a"], ["b"])
    assert find_step("distilabel:ExpandColumns").columns({"columns": ["a"]}) == (["a"], ["a"])
    assert find_step("distilabel:TextGeneration").columns({"columns": ["a", "b"]}) == (["a", "b"], ["generation"])
    assert find_step("distilabel:TextGeneration").columns({}) == (["instruction"], ["generation"])
    assert find_step("distilabel:MergeColumns").columns({"columns": ["a"]}) == (["a"], ["merged_column"])


def told(tmp_path: Path, steps: str) -> list[str]:
    model = "{provider: openai, model: m, base_url: 'http://localhost:1'}"
    (tmp_path / "models.yaml").write_text(f"version: 1\nroles: {{judge: {model}}}\n")
    path = tmp_path / "p.yaml"
    path.write_text(f"name: p\nversion: 1\nmodels: models.yaml\nsteps:\n{steps}")
    return [
        f"{p.place.line}: {p.code}: {p.message} ({p.hint})"
        for p in load_pipeline(path).validate().problems
        if p.place and p.level == "error"
    ]


def ultra(**more: Any) -> str:
    lines = "".join(f"    {key}: {value}\n" for key, value in more.items())
    return f"{SOURCE}  - use: distilabel:UltraFeedback\n{lines}"


def test_a_right_file_has_no_problem(tmp_path: Path) -> None:
    keep = "  - use: distilabel:KeepColumns\n    with: {columns: [ratings, by]}\n"
    columns = "{generations: two, model_name: by}"
    assert told(tmp_path, ultra(columns=columns, **{"with": "{model: judge}"}) + keep) == []


@pytest.mark.parametrize(
    ("with_", "columns", "expected"),
    [
        ("{}", "{generations: two}", "9: missing-key: 'distilabel:UltraFeedback' needs the setting 'model'"),
        ("{model: judg}", "{generations: two}", "unknown-role: there is no role 'judg'"),
        ("{model: judge, aspct: honesty}", "{generations: two}", "unknown-key: 'distilabel:UltraFeedback' has no"),
        ("{model: judge, aspect: honest}", "{generations: two}", "bad-value: 'honest' is not known here (did you mean"),
        ("{model: judge, llm: judge}", "{generations: two}", "unknown-key"),
        ("{model: judge, retries: -1}", "{generations: two}", "bad-value: 'retries' must be at least 0"),
        ("{model: judge}", "{}", "missing-column: no step before provides the column 'generations'"),
        ("{model: judge}", "{generation: two}", "unknown-column: 'distilabel:UltraFeedback' knows no"),
        ("{model: judge}", "{generations: two, instruction: two}", "column-twice: two columns of"),
        ("{model: judge}", "{generations: two, ratings: id}", "reserved-column: 'id' is kept for lineage"),
        ("{model: judge}", "{generations: two, ratings: instruction}", "8: column-twice: two columns of"),
    ],
)  # fmt: skip
def test_mistakes_are_told_at_their_lines(tmp_path: Path, with_: str, columns: str, expected: str) -> None:
    found = told(tmp_path, ultra(columns=columns, **{"with": with_}))
    assert any(expected in line for line in found), found


def test_columns_that_a_step_takes_away_are_gone(tmp_path: Path) -> None:
    steps = SOURCE + (
        "  - use: distilabel:KeepColumns\n    with: {columns: [two]}\n"
        "  - use: distilabel:MergeColumns\n    with: {columns: [two], output_column: three}\n"
        "  - use: distilabel:TruncateTextColumn\n    with: {column: two}\n"
        "  - use: distilabel:TruncateTextColumn\n    id: again\n    with: {column: instruction}\n"
    )
    assert [line.split(" that ")[0] for line in told(tmp_path, steps)] == [
        "12: missing-column: no step before provides the column 'two'",
        "15: missing-column: no step before provides the column 'instruction'",
    ]


def test_a_modules_step_is_taken_at_its_word(tmp_path: Path) -> None:
    later = "  - use: distilabel:TruncateTextColumn\n    with: {column: headline}\n"
    assert told(tmp_path, SOURCE + "  - use: mine:Step\n    with: {any: 1}\n" + later) == []
    (problem,) = told(tmp_path, SOURCE + "  - use: mine:Step\n    writes: [headlin]\n" + later)
    assert "'headline'" in problem
    assert "did you mean 'headlin'" in problem
    assert told(tmp_path, "  - use: mine:Source\n" + later) == []


def test_what_is_refused_says_why_and_what_else() -> None:
    for name in REFUSED:
        with pytest.raises(InputError) as error:
            find_step(f"distilabel:{name}")
        (problem,) = error.value.problems
        assert problem.code == "refused-step"
        assert problem.hint
    with pytest.raises(InputError) as error:
        find_step("distilabel:UltraFedback")
    assert error.value.problems[0].hint == "did you mean 'distilabel:UltraFeedback'?"
