"""Steps that drop, mark or clean rows: filters of single rows, and those that look at the whole set."""

from bezoar_data.steps.curation.filter_step import FilterStep

__all__ = ["FilterStep"]
