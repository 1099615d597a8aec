"""One endpoint: retries, circuit breaker, limits, budget."""

from bezoar_data.llms.endpoint.endpoint import Endpoint

__all__ = ["Endpoint"]
