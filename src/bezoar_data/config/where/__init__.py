"""The `where` language: one small, safe expression over the columns of a row."""
