"""What steps there are, known without importing any."""
