"""The Orca scheme: a system message for each FLAN row, and a teacher's explanation under it."""
