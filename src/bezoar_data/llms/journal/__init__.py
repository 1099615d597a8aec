"""The journal of answers: nothing is paid twice."""

from bezoar_data.llms.journal.journal import Journal

__all__ = ["Journal"]
