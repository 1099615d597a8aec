"""What each kind of recipe stage does."""
