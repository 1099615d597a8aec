"""Conversations as rows hold them: one inner form, what is read into it, and rows as training text."""
