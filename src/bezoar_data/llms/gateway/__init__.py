"""The one way to all models: cache look-up, requests in flight, fallbacks."""

from bezoar_data.llms.gateway.gateway import Gateway

__all__ = ["Gateway"]
