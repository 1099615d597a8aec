"""What a run would ask, cost and take, without sending anything."""

from bezoar_data.plan.result import Plan

__all__ = ["Plan"]
