"""Trained models: the card of one, and publishing it."""
