"""YAML with a place for every key and value, and messages for people about what is wrong with it."""

from bezoar_data.config.yaml.document import Document

__all__ = ["Document"]
