"""Writing a dataset's rows for trainers. Each format is one file in `formats`."""
