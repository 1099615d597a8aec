"""Report page, trace of a row, difference of two runs."""
