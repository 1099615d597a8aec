"""The `where` language: one small, safe expression over the columns of a row."""

from bezoar_data.config.where.expression import Where

__all__ = ["Where"]
