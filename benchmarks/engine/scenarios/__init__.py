"""The scenarios, one file each: a function that takes the session and gives back what it found, as JSON."""
