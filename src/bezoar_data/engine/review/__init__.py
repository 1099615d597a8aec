"""What people answered, merged into a finished dataset."""
