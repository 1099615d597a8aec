"""What turns one request into completions: a file for each kind of endpoint."""

from bezoar_data.llms.providers.base import Provider

__all__ = ["Provider"]
