"""What the answers behind a dataset gave off, as far as the models file states it. Nobody can measure it from here."""

from __future__ import annotations

from bezoar_data.cards.sections import markdown as md
from bezoar_data.config.files.models import Carbon
from bezoar_data.runs.lock import Lock, ModelUsage


def grams(lock: Lock) -> float | None:
    """Grams of CO2 equivalent of all answers; None where a model that answered has no figure, or none was asked."""
    figures = [_figure(lock, use) for use in lock.usage]
    if not figures or None in figures:
        return None
    spent = zip(lock.usage, figures, strict=True)
    total = sum(use.prompt_tokens * f.input + use.completion_tokens * f.output for use, f in spent if f)
    return round(total / 1_000_000, 3)


def describe(lock: Lock) -> str:
    """The same as a sentence, with where the figures are from."""
    total = grams(lock)
    if total is None:
        return "Carbon: not known."
    models = {use.model: figure.source for use in lock.usage if (figure := _figure(lock, use))}
    by = "; ".join(f"{md.code(model)}: {md.text(source)}" for model, source in models.items())
    return f"Carbon: {total:,} g of CO₂ equivalent, by what is stated of the models ({by})."


def _figure(lock: Lock, use: ModelUsage) -> Carbon | None:
    for model in lock.models:
        asked = any(use.step == step or use.step.startswith(f"{step}.") for step in model.steps)
        if asked and model.model == use.model:
            return model.carbon
    return None
