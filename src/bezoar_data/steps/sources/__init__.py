"""Steps that start rows: files and Hub datasets."""
