"""The version, on the lowest floor: every other module may import it."""

__version__ = "0.2.0"
