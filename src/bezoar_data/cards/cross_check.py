"""Whether a pipeline and the card it builds say the same: the columns, and what the licences allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from bezoar_data.cards.licences.hub_keys import stated_names
from bezoar_data.cards.licences.lineage import HUB, UNKNOWN, licence_of
from bezoar_data.cards.licences.table import licence_table
from bezoar_data.cards.render import check_card, read_template
from bezoar_data.cards.sample_lock import SAMPLE
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import Card
from bezoar_data.config.files.card_front_matter import Views
from bezoar_data.config.files.licence_names import licence_problem
from bezoar_data.config.problems import Problem
from bezoar_data.config.sanitize import printable
from bezoar_data.pipeline.load import Checked
from bezoar_data.runs.accepted import judges_of
from bezoar_data.runs.lock import LockedModel, LockedSource


def check_pipeline_card(checked: Checked) -> list[Problem]:
    """What is wrong with a pipeline's card: in itself, and against the pipeline."""
    if checked.card is None:
        return []
    try:
        card = read_template(checked.card)
    except InputError as error:
        return list(error.problems)
    problems = check_card(card, checked.columns)
    if any(p.level == "error" for p in problems):
        return problems
    return [
        *problems,
        *_check_names(checked, card),
        *_check_licence(checked, card),
        *_check_models(checked),
        *_check_judges(checked, card),
    ]


def _check_names(checked: Checked, card: Card) -> Iterator[Problem]:
    """A warning for a source's licence that is nearly the name of a known one, and that the card does not describe."""
    described = {str(name).lower() for name in card.bezoar.get("terms") or ()}
    for number, step in enumerate(checked.loaded.file.steps):
        stated = step.settings.get("licence")
        for key, name in stated.items() if isinstance(stated, dict) else [(None, stated)]:
            wrong = licence_problem(name) if isinstance(name, str) and name.lower() not in described else None
            if wrong is not None and wrong[1].startswith("did you mean"):
                at = ("steps", number, "with", "licence", *(() if key is None else (key,)))
                found = checked.loaded.document.problem("unknown-licence", wrong[0], at, hint=wrong[1])
                yield replace(found, level="warning")


def _check_judges(checked: Checked, card: Card) -> Iterator[Problem]:
    """A warning for a view of rows that several judges decide on, and that does not say whose verdict counts: neither
    a stage nor an export would know which are accepted."""
    heard = {
        name for use in checked.loaded.file.steps if use.use == "judge.panel" for name in use.settings.get("judges", ())
    }
    judges = [name for name in judges_of(tuple(checked.columns or ()), None) if name not in heard]
    for kind, view in Views.model_validate(card.bezoar.get("views") or {}).by_kind.items():
        if len(judges) > 1 and view.where is None:
            message = f"several judges decide ({', '.join(judges)}), and the view does not say which rows are accepted"
            hint = f'write whose verdict counts, for example: where: {judges[0]}_status == "Accept"'
            place = card.place(("bezoar", "views", kind))
            yield Problem("several-judges", message, place, hint, level="warning")


def _check_licence(checked: Checked, card: Card) -> Iterator[Problem]:
    """Warnings where the licence that a card states goes against those of sources and models.

    Warnings, because only its author knows what else they were granted; and a run's lock knows more.
    """
    own, names = card.bezoar.get("terms"), stated_names(card.front)
    if not names and not own:
        return
    table = licence_table().with_own(own or {})
    for name, dispute in table.disputed.items():
        place = card.place(("bezoar", "terms", name) if name in (own or {}) else ("bezoar", "terms"), key=True)
        hint = "take it out: a card may ask for more than a licence does, never for less"
        yield Problem("terms-contradicted", dispute, place, hint, level="warning")
    expected = replace(SAMPLE, sources=tuple(_sources(checked)), models=tuple(_models(checked)), judges=())
    licence = licence_of(expected, names, own)
    for conflict in licence.conflicts if licence.stated else ():
        hint = "state a licence that all of them allow, or none; see `bezoar: licence:` of a card that was built"
        message = f"the stated licence contradicts what the data is made of: {conflict}"
        yield Problem("licence-conflict", message, card.place(("license",)), hint, level="warning")


def _check_models(checked: Checked) -> Iterator[Problem]:
    """Warnings for models whose stated terms leave out those that they are known under."""
    for role in checked.roles if checked.models is not None else ():
        assert checked.models is not None  # noqa: S101
        model = checked.models.file.roles[role]
        stated = model.output_licence.id
        if stated == UNKNOWN or not (known := licence_table().model_terms(model.model)):
            continue
        if not licence_table().stated_and_known(stated, known):
            message = f"the terms of its outputs are stated as {printable(stated, 80)}; by its name they are {known}"
            place = checked.models.document.place(("roles", role, "output_licence"), key=True)
            hint = f"write 'id: {known}', or both: 'id: {printable(stated, 80)} AND {known}'"
            yield Problem("terms-contradicted", message, place, hint, level="warning")


def _sources(checked: Checked) -> Iterator[LockedSource]:
    """The sources as a lock would name them, as far as the pipeline file tells."""
    for use, entry in zip(checked.loaded.file.steps, checked.entries, strict=True):
        if entry.kind == "source":
            hub, licence = use.settings.get("hub"), use.settings.get("licence")
            url = f"{HUB}{hub}" if isinstance(hub, str) else None
            for name, one in licence.items() if isinstance(licence, Mapping) else [(use.id, licence)]:
                stated = one if isinstance(one, str) else None
                yield replace(SAMPLE.sources[0], name=name, url=url, licence=stated)


def _models(checked: Checked) -> Iterator[LockedModel]:
    for role in checked.roles:
        assert checked.models is not None  # noqa: S101 - roles are those of the models file
        for model in checked.models.file.roles[role].fallback_chain():
            yield replace(
                SAMPLE.models[0], role=role, model=model.model, output_licence=model.output_licence, steps=(role,)
            )
