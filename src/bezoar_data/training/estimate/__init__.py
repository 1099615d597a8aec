"""Whether a recipe fits the machine: memory, time and disk, before any weight is loaded."""
