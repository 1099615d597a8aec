"""Rows of a finished run, kept and dropped: found, shown, and told with all that happened to them."""
