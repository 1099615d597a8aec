"""The claims of a dataset's card, each with what refutes it."""
