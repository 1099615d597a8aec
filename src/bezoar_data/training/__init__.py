"""Recipe stages on TRL."""
