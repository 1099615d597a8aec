"""Agreement, intervals, overlap: numbers without files or models."""
