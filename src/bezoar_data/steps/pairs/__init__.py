"""Preference pairs: made from scored answers, from rankings, and from what people or judges preferred."""
