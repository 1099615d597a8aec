"""External steps: distilabel's own (`distilabel:UltraFeedback`) and those of a module (`my_package.steps:MyStep`).

An adapter wraps each, so that in a pipeline it behaves like a built-in step: rows keep their lineage, a failure costs
its own row only, and every question goes through the gateway and its journal.
"""

from bezoar_data.steps.external.entry import ExternalEntry

__all__ = ["ExternalEntry"]
