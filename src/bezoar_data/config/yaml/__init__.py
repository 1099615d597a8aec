"""YAML with a place for every key and value, and what is wrong with it in words."""
