"""What forbids to publish a model: demo data, an unknown licence, terms of its data that limit models, the recipe's own
policy, files or a card that are not what the stage left, links, an adapter for weights that nobody else has, keys.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain

from bezoar_data.cards.hub.refusal import refusal
from bezoar_data.cards.hub.secrets import CONCERN, KeySearch
from bezoar_data.cards.licences.hub_keys import hub_keys
from bezoar_data.cards.licences.lineage import UNKNOWN
from bezoar_data.cards.licences.weights import WeightsLicence, licence_of_weights
from bezoar_data.cards.model_card.card import bezoar_keys, hub_base
from bezoar_data.config.errors import InputError
from bezoar_data.config.files.card import load_card, parse_card
from bezoar_data.config.files.card_text import front_text
from bezoar_data.config.problems import Place, Problem
from bezoar_data.runs.hashing import sha256_of
from bezoar_data.runs.stage_record import TrainedStage


def refusals(stage: TrainedStage, allowed: Collection[str] = (), base: str | None = None) -> list[Problem]:
    """Why the model may not be published: every reason whose concern is not allowed; empty: it may. `base` says where
    the weights are published that its adapter is for.

    Concerns are `demo`, `unknown-licence`, `restricted-terms`, `policy`, `failed-checks` and `keys`. A missing base,
    links, and the values of keys of this machine cannot be allowed.
    """
    found = licence_of_weights(stage.record)
    problems = []
    if "failed-checks" not in allowed:
        wrong = [*_files(stage), *_card(stage, found)]
        if wrong:
            count = f"{len(wrong)} place{'s' if len(wrong) > 1 else ''}"
            message = f"the folder is not what the stage left, in {count}"
            problems = [refusal("failed-checks", message, Place(str(stage.path))), *wrong]
    place = Place(str(stage.card))
    problems += [refusal(name, sentence, place) for name, sentence in found.concerns if name not in allowed]
    keys = KeySearch().problems(stage.files(), allowed=CONCERN in allowed)
    return list(chain(problems, _base(stage, base), _links(stage), keys))


def _files(stage: TrainedStage) -> Iterator[Problem]:
    for name, known in stage.record.files.items():
        file = stage.path / name
        if not file.is_file():
            yield Problem("data-differs", "the stage left this file, and it is gone", Place(str(file)))
        elif sha256_of(file) != known:
            yield Problem("data-differs", "this is not the file that the stage left", Place(str(file)))


def _card(stage: TrainedStage, found: WeightsLicence) -> Iterator[Problem]:
    hint = f"remove {stage.card.name} and train again: finished stages stay, and the card is written again"
    try:
        card = load_card(stage.card)
    except InputError as error:
        yield from error.problems
        return
    expected = parse_card(front_text({"bezoar": bezoar_keys(stage.record, found)}), str(stage.card)).bezoar
    for key in sorted({*expected, *card.bezoar}):
        if card.bezoar.get(key) != expected.get(key):
            message = f"'{key}' is not what follows from stage.json"
            yield Problem(
                "card-differs", message, card.place(("bezoar", key) if key in card.bezoar else ("bezoar",)), hint
            )
    licence = hub_keys(found.licence)
    # Where nothing follows from the parts, a person's own statement is all there is.
    if found.licence.result != UNKNOWN and any(card.front.get(key) != value for key, value in licence.items()):
        message = f"it states another licence than what follows from base and data, {found.licence.result}"
        yield Problem("card-differs", message, card.place(("license",)), hint)


def _base(stage: TrainedStage, base: str | None) -> Iterator[Problem]:
    if base is not None and stage.record.base_lineage is None:
        message = "it stands alone: no other weights belong to it"
        yield Problem("refused-base", message, Place(str(stage.path)), "leave --base out")
    if stage.record.base_lineage is not None and base is None and hub_base(stage.record) is None:
        message = "it is an adapter for weights that are on this machine alone"
        hint = "publish the merge of it, or say where those weights are published: --base OWNER/NAME"
        yield Problem("refused-base", message, Place(str(stage.path)), hint)


def _links(stage: TrainedStage) -> Iterator[Problem]:
    for file in stage.files().values():
        if file.is_symlink():
            yield Problem("refused-files", "a link: what it leads to is not part of the model", Place(str(file)))
