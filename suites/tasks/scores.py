"""How the answers of the tasks beside this file are scored: the LM Evaluation Harness calls these for each item."""

from bezoar_data.evaluation.scores import explains, passes_tests

__all__ = ["explains", "passes_tests"]
