"""The page of a recipe's training: its stages, their curves and samples, the data, and what the stages score."""
