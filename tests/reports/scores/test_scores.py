"""Scores on a model's card and in the Hub's formats, read back by huggingface_hub itself."""

from __future__ import annotations

import base64
import random
import re
from pathlib import Path

import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries

from bezoar_data.api.scores import scored, scores_page
from bezoar_data.cards.model_card.publish import model_contents
from bezoar_data.evaluation.record import HubDataset, Judged
from bezoar_data.runs.stage_record import TrainedStage, trained_stage
from support.evaluations import Scored, leave_evaluation, leave_judged_pairs, leave_people
from support.trained import data, leave, stage

ORCA, HH = data("orca.md", "MIT", "yes"), data("hh.md", "MIT", "yes")
SFT, DPO = stage(ORCA), stage(ORCA, HH)
GSM8K = HubDataset(id="openai/gsm8k", revision="e" * 40, split="test", config="main", items=100, task="gsm8k")
JUDGED = Judged(judge="openai:gpt-4o", date="2026-11-30", references="c" * 64)
RATING = "rating,openai:gpt-4o"


def tasks(share: float, leaked: tuple[int, ...] = ()) -> list[Scored]:
    """Those of a model that has about this share right: of the first task on all that have leaked."""
    drawn = random.Random(11)

    def right(items: int) -> list[float]:
        return [float(drawn.random() < share) for _ in range(items)]

    qasc = [1.0 if i in leaked else score for i, score in enumerate(right(200))]
    return [
        Scored("qasc", qasc, "knowledge", data={"test": "a" * 64}, leaked=leaked),
        Scored("ecqa", right(200), "knowledge", data={"test": "b" * 64}),
        Scored("gsm8k", right(100), "reasoning", "exact_match,strict-match", GSM8K),
        Scored("gsm8k-half", right(50), "arithmetic", "exact_match,strict-match", GSM8K),
        Scored("mt-bench", [5.0 + drawn.randrange(5) for _ in range(20)], None, RATING, judged=JUDGED),
    ]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> TrainedStage:
    """A stage of which base, the stage before it and itself were evaluated."""
    folder = tmp_path_factory.mktemp("scores")
    for record, share, leaked in ((None, 0.3, ()), (SFT, 0.4, ()), (DPO, 0.6, tuple(range(10)))):
        leave_evaluation(folder / "evaluated" / "r" / "small", record, tasks(share, leaked))
    return trained_stage(leave(folder / "trained" / "r" / "s1", DPO))


def published(stage: TrainedStage, evaluated: Path | None = None) -> dict[str, bytes]:
    folder = evaluated or stage.path.parents[2] / "evaluated"
    contents, refused = scored(model_contents(stage), stage.record, [folder], "tester/model")
    assert refused == ()
    return {name: f if isinstance(f, bytes) else f.read_bytes() for name, f in contents.files.items()}


@pytest.fixture(scope="module")
def files(trained: TrainedStage) -> dict[str, bytes]:
    return published(trained)


def cells(card: str, start: str) -> list[list[str]]:
    lines = [line for line in card.splitlines() if line.startswith(start)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_card_says_what_was_measured_and_how_it_differs_from_the_base(files: dict[str, bytes]) -> None:
    card = files["README.md"].decode()
    assert card.index("## Data") < card.index("## Evaluation") < card.index("## Licence")
    assert "![Scores by facet and stage on small](evaluation/small.png)" in card
    ((facet, of, items, *_, word),) = cells(card, "| knowledge | right")
    assert (facet, of, items, word) == ("knowledge", "right, 2 tasks", "400", "better")
    (row,) = cells(card, "| reasoning | `gsm8k`")
    assert row[2:5] == ["exact\\_match,strict-match", "100", "0"]
    assert row[5].startswith("0.")
    assert row[7].startswith("+0.")
    (rating,) = cells(card, "| – | `mt-bench`")
    assert rating[-1] in ("tied", "better", "worse")
    assert "| `mt-bench` | `openai:gpt-4o` | 2026-11-30 | none | `cccccccccccccccc` | 0 |" in card
    assert "by the LM Evaluation Harness (lm\\_eval) 0.4.13" in card
    assert "SHA-256 of test `aaaaaaaaaaaaaaaa`" in card
    assert "`openai/gsm8k`, `main`, split `test`, commit `eeeeeeeeeeeeeeee`" in card
    assert "no average over all of them" in card


def test_the_card_tells_leaked_items_from_the_others(files: dict[str, bytes]) -> None:
    card = files["README.md"].decode()
    (row,) = cells(card, "| `qasc` | 10 of 200 (5.0%)")
    _, _, card_of, on_all, clean, leaked, against, word = row
    assert (card_of, leaked) == ("orca.md (10)", "1.000")
    assert float(clean) < float(on_all)
    assert float(on_all) == pytest.approx((190 * float(clean) + 10) / 200, abs=1e-3)
    assert against.startswith("+0.")
    assert word == "better"
    assert "No other item was found in hh.md, orca.md." in card


def test_the_hub_reads_every_score_in_the_model_index(files: dict[str, bytes]) -> None:
    card = ModelCard(files["README.md"].decode())
    found = {result.metric_args["task"]: result for result in card.data.eval_results}
    assert card.data.model_name == "model"
    assert list(found) == ["qasc", "ecqa", "gsm8k", "gsm8k-half", "mt-bench"]
    gsm8k = found["gsm8k"]
    assert (gsm8k.dataset_type, gsm8k.dataset_config, gsm8k.dataset_revision) == ("openai/gsm8k", "main", "e" * 40)
    assert (gsm8k.metric_type, gsm8k.metric_args["items"]) == ("exact_match", 100)
    low, high = gsm8k.metric_args["interval"]
    assert 0 < low < gsm8k.metric_value < high < 100
    assert "lm_eval 0.4.13, gsm8k version 1.0, exact_match,strict-match, 0-shot; 100 items" in gsm8k.metric_args["note"]
    assert found["gsm8k-half"].metric_args["note"].endswith("of 100 rows of the dataset")
    assert {found[name].dataset_type for name in ("qasc", "ecqa", "mt-bench")} == {"no-dataset-of-the-Hub"}
    assert "local files" in found["qasc"].metric_args["note"]
    assert "10 items are in its training data" in found["qasc"].metric_args["note"]
    rating = found["mt-bench"]
    assert 5 <= rating.metric_value <= 10
    assert "judged by openai:gpt-4o on 2026-11-30" in rating.metric_args["note"]
    assert "lm_eval" not in rating.metric_args["note"]
    assert ModelCard(str(card)).data.eval_results == card.data.eval_results


def test_only_whole_datasets_of_the_hub_are_claimed_as_results(files: dict[str, bytes]) -> None:
    results = {name: content for name, content in files.items() if name.startswith(".eval_results/")}
    assert list(results) == [".eval_results/bezoar-data-small-gsm8k.yaml"]
    (entry,) = parse_eval_result_entries(yaml.safe_load(*results.values()))
    assert (entry.dataset_id, entry.task_id, entry.dataset_revision) == ("openai/gsm8k", "gsm8k", "e" * 40)
    card = ModelCard(files["README.md"].decode())
    in_index = next(one for one in card.data.eval_results if one.metric_args["task"] == "gsm8k")
    assert (entry.value, entry.notes) == (in_index.metric_value, in_index.metric_args["note"])
    assert entry.source_url == "https://huggingface.co/tester/model/tree/main/evaluation"


def test_equal_evaluations_give_equal_bytes(trained: TrainedStage, files: dict[str, bytes]) -> None:
    import matplotlib

    assert files["evaluation/small.png"].startswith(b"\x89PNG")
    with matplotlib.rc_context({"font.size": 30, "lines.linewidth": 9}):
        assert published(trained) == files


def test_a_stage_alone_and_a_heading_of_ones_own(tmp_path: Path) -> None:
    leave_evaluation(tmp_path / "evaluated" / "x" / "small", SFT, tasks(0.5)[:1])
    folder = leave(tmp_path / "trained", SFT)
    card = folder / "README.md"
    card.write_text(card.read_text().replace("## Licence", "## Evaluation\n\nMy own words.\n\n## Licence"))
    text = published(trained_stage(folder), tmp_path / "evaluated")["README.md"].decode()
    assert text.count("## Evaluation") == 1
    assert text.index("Its base was not evaluated on this suite") < text.index("My own words.")
    assert "| Facet | Task | Metric | Items | Shots | s0 |" in text
    assert "None of the items was found in orca.md." in text


def test_what_people_said_of_a_stage_stands_on_its_card(trained: TrainedStage, tmp_path: Path) -> None:
    leave_people(tmp_path / "straight", None, DPO)
    leave_people(tmp_path / "turned", DPO, None)
    text = published(trained, tmp_path)["README.md"].decode()
    assert "Scores are given by task" not in text
    straight, turned, *preferred = cells(text, "| base |")
    assert straight[1:6] == ["2", "3", "6", "0.667 (0.000 to 1.000)", "0.667 (0.000 to 1.000)"]
    assert [row[1].split(" %")[0] for row in preferred] == ["66.67", "33.33"]
    assert [row[3:6] for row in preferred] == [["2", "0", "1"], ["1", "0", "2"]]
    assert [row[6] for row in preferred] == ["9 / 3", "3 / 9"]
    assert straight[8] == "100% (1.00)"
    assert turned[4:6] == straight[4:6][::-1]
    assert "anna" not in text


def test_win_rates_of_judges_stand_on_the_card_with_lengths(trained: TrainedStage, tmp_path: Path) -> None:
    folder = tmp_path / "evaluated" / "r" / "small"
    leave_evaluation(folder, None, tasks(0.3))
    leave_evaluation(folder, DPO, tasks(0.6))
    leave_judged_pairs(folder, "base", "s1")
    text = published(trained, tmp_path / "evaluated")["README.md"].decode()
    (row,) = [row for row in cells(text, "| `mt-bench` |") if row[1] == "base"]
    assert row[2:4] == ["`gpt`", "1 of 5"]
    assert row[4].startswith("62.50 %")
    assert row[6:11] == ["2", "1", "1", "4 / 2", "2 / 1"]


def test_without_evaluations_nothing_changes(trained: TrainedStage, tmp_path: Path) -> None:
    contents = model_contents(trained)
    assert scored(contents, trained.record, [tmp_path], "tester/model") == (contents, ())


def test_a_page_shows_every_model_and_loads_nothing(trained: TrainedStage) -> None:
    folder = trained.path.parents[2] / "evaluated" / "r" / "small"
    page = scores_page(folder / name for name in ("base", "s0", "s1"))
    assert page == scores_page(folder / name for name in ("base", "s0", "s1"))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    (drawing,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', page)
    svg = base64.b64decode(drawing).decode()
    assert all(f">{name}<" in svg for name in ("base", "s0", "s1", "knowledge", "reasoning: gsm8k"))
    assert '<th class="number">s0</th>' in page
    assert "10 of 200 items (5.0%) are in its training data, orca.md (10)" in page
    assert "Judged by openai:gpt-4o, 2026-11-30, and not by the harness; prompts none, references cccccccccccc." in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)


def test_a_model_alone_has_a_page_without_differences(trained: TrainedStage) -> None:
    page = scores_page([trained.path.parents[2] / "evaluated" / "r" / "small" / "base"])
    assert "By task" in page
    assert "Against" not in page
