"""A few rows through the whole pipeline, with everything that was asked and answered."""
