"""A first card for a pipeline: `bezoar-data card init` writes it, and a person goes on from there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bezoar_data.cards.infer_views import infer_view
from bezoar_data.cards.render import read_template
from bezoar_data.config.files.card_text import front_text
from bezoar_data.pipeline.load import Checked
from bezoar_data.runs.accepted import judges_of

_HEAD = """\
# What this dataset is and promises. A run fills in the sections and the figures; every word outside of them is yours.
"""
_LICENCE = """\
# The licence of the data as you state it: an SPDX id, or a name of the Hub's list. A run works out what follows from
# sources and models; `unknown` states nothing.
"""
_VIEWS = """\
  # How the columns become training text: recipes and exports read it here.
"""
_NO_VIEWS = """\
  # How the columns become training text: the names of the columns do not tell. For example:
  # views:
  #   sft: {prompt: COLUMN, response: COLUMN}
"""
_FIELDS = """\
  # Who made it, when, for what: no run knows it. The card shows it, and asks for what is missing. For example:
  # about:
  #   creators: [Your Name, {organization: Your Lab}]
  #   contact: you@example.org
  #   date: 2026-11-30
  #   url: https://huggingface.co/datasets/you/name
  #   intended_use: Supervised fine-tuning of small models.
  #   unintended_use: As a source of facts.
  # What each column holds, for people.
"""
_JUDGE = ("_status", "_rating", "_reason", "_samples")


def card_place(checked: Checked) -> Path:
    """Where the pipeline's card stands: where it says, else in the folder `cards` beside its own."""
    if checked.card is not None:
        return checked.card
    folder = checked.loaded.path.parent
    cards = folder.parent / "cards" if folder.name == "pipelines" else folder / "cards"
    return cards / f"{checked.loaded.file.name}.md"


def new_card(checked: Checked) -> str:
    """The card's text: views and fields as the pipeline's columns tell, and the sections that a run fills in."""
    columns = tuple(checked.columns or ())
    judges = judges_of(columns, None)
    judged = {judge + ending for judge in judges for ending in _JUDGE}
    fields = {name: said for name, said in _fields(checked) if name in columns and name not in judged}
    file = checked.loaded.file
    view = infer_view(columns)
    own = {"views": {view[0]: view[1]} if view is not None else {}, "fields": fields}
    own = {key: value for key, value in own.items() if value}
    front = front_text({"pretty_name": file.description or file.name, "license": "unknown", "bezoar": own or None})
    views = _VIEWS if view is not None else _NO_VIEWS
    front = front.replace("---\n", f"---\n{_HEAD}", 1).replace("license:", f"{_LICENCE}license:", 1)
    front = front.replace("bezoar: null\n", "bezoar:\n").replace("bezoar:\n", f"bezoar:\n{views}", 1)
    front = front.replace("\n  fields:\n", f"\n{_FIELDS}  fields:\n", 1)
    if view is not None and len(judges) > 1:
        line = f'      # where: {judges[0]}_status == "Accept"  # of several judges, whose verdict counts\n'
        front = front.replace(f"    {view[0]}:\n", f"    {view[0]}:\n{line}", 1)
    return f"{front}\n{read_template(None).body.lstrip()}"


def _fields(checked: Checked) -> Iterator[tuple[str, str]]:
    """Each column with the step that brought it, in the order in which steps write them."""
    known: set[str] = set()
    for i in checked.order:
        step = checked.loaded.file.steps[i]
        written = checked.step_columns[step.id]
        for column in sorted(set(written.known if written is not None else ()) - known):
            known.add(column)
            yield column, f"As the step {step.id} writes it"
