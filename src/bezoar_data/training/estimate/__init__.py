"""Whether a recipe fits the machine and how long it takes, before any weight is loaded."""
