"""The batch APIs of providers, at half price."""

from bezoar_data.llms.batch.endpoint import BatchEndpoint

__all__ = ["BatchEndpoint"]
