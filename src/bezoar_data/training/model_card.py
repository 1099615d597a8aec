"""The model card: a Hub model card with the lineage of data and licences, made from what every stage left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bezoar_data.spec.card_text import front_text
from bezoar_data.spec.clean import clean_text
from bezoar_data.spec.recipe_file import LoadedRecipe

if TYPE_CHECKING:
    from bezoar_data.training.chain import Planned


def model_card(recipe: LoadedRecipe, plan: Sequence[Planned], left: Sequence[Mapping[str, Any]]) -> str:
    """The card of what the stages so far have made. `left` is their `stage.json`, in order."""
    file = recipe.file
    data = [stage["data"] for stage in left if stage["data"] is not None]
    front: dict[str, Any] = {
        "pipeline_tag": "text-generation",
        "library_name": "transformers" if file.adapter is None or left[-1]["use"] == "merge" else "peft",
        "tags": ["bezoar-data", *(["demo"] if any(d["demo"] for d in data) else [])],
    }
    if file.base.model is not None and not file.base.model.startswith((".", "/")):
        front["base_model"] = file.base.model
    front["bezoar"] = {
        "recipe": {"name": file.name, "sha256": left[-1]["recipe"]["sha256"]},
        "base": {"licence": file.base.licence or "unknown", **left[-1]["base"]},
        "data": [{"stage": s["stage"], **_lineage(s["data"])} for s in left if s["data"] is not None],
        "finished": len(left) == len(plan),
    }
    body = [f"# {file.name}", "", clean_text(file.description or ""), ""]
    body += [*_demo(data), *_stages(plan, left), *_data(left), *_licences(recipe, left), *_software(left)]
    return front_text(front) + "\n" + "\n".join(body).rstrip() + "\n"


def _lineage(data: Mapping[str, Any]) -> dict[str, Any]:
    return {"card": data["card"], "lock": data["lock"], "licence": data["licence"], "demo": data["demo"]}


def _demo(data: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if any(d["demo"] for d in data):
        yield "> **Trained on demonstration data**, which embedded models that follow fixed rules made. It shows that"
        yield "> the stages work; the model knows nothing worth knowing. Do not use it, nor publish it as more."
        yield ""


def _stages(plan: Sequence[Planned], left: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("## Stages", "", "| stage | does | goes on from | steps | loss, first → last | held out, best |")
    yield "|---|---|---|---|---|---|"
    for stage in left:
        m = stage["metrics"]
        loss = f"{m['first_loss']:.3f} → {m['last_loss']:.3f}" if "first_loss" in m else ""
        best = f"{m['best_eval_loss']:.3f}" if "best_eval_loss" in m else ""
        yield f"| `{stage['stage']}` | {stage['use']} | `{stage['from']}` | {m.get('steps', '')} | {loss} | {best} |"
    yield ""
    if len(left) < len(plan):
        yield f"{len(plan) - len(left)} of {len(plan)} stages are not trained yet."
        yield ""


def _data(left: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("## Data", "", "Each dataset is named by the hash of its lock, which holds where every row came from.")
    yield from ("", "| stage | dataset | build | rows chosen by | trained on | held out | cut short | left out |")
    yield "|---|---|---|---|---|---|---|---|"
    for stage in left:
        if (data := stage["data"]) is None:
            continue
        train, held_out = data["rows"]["train"], data["rows"]["validation"]
        where = f"`{clean_text(data['where'], one_line=True)}`".replace("|", "\\|") if data["where"] else "all"
        cells = (f"`{stage['stage']}`", data["card"], f"`{data['lock']}`", where, train["examples"])
        more = (held_out["examples"], train["truncated"], sum(train["left_out"].values()))
        yield "| " + " | ".join(map(str, (*cells, *more))) + " |"
    yield ""


def _licences(recipe: LoadedRecipe, left: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What each part's licence is; what follows from all of them for the weights is for people to decide."""
    base = recipe.file.base
    name = f"`{base.model}`" if base.model else "made by this recipe with random weights"
    yield from (
        "## Licences",
        "",
        f"- Base: {name}" + (f", {base.licence or 'licence not stated'}." if base.model else "."),
    )
    for data in {d["lock"]: d for s in left if (d := s["data"]) is not None}.values():
        licence = data["licence"]
        result, commercial = licence["result"] or "unknown", licence["commercial"] or "unknown"
        yield f"- Data `{data['card']}`: {result}; commercial use: {commercial}."
    yield from ("", "No licence of the weights is stated here: it is for whoever publishes them to settle.", "")


def _software(left: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("## Made with", "")
    yield ", ".join(f"{name} {number}" for name, number in left[-1]["software"].items()) + "."
