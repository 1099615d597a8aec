"""Steps that look at the whole set and drop what should not be in it."""
