"""bezoar-data: instruction and preference data whose card can prove where every row came from."""

__version__ = "0.1.0"
