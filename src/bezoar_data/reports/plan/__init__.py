"""A plan for the terminal and for the browser."""
