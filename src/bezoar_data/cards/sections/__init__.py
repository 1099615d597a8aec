"""The sections of a dataset card, each rendered from the lock."""
