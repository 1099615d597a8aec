"""A preview for the terminal and for the browser."""
