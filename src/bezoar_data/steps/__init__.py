"""distilabel steps, one file each."""
