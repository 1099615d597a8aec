"""What steps there are, known without importing any."""

from bezoar_data.steps.catalogue.entry import StepEntry

__all__ = ["StepEntry"]
