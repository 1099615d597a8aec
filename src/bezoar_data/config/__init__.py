"""The YAML a person writes, as objects with positions; errors."""
