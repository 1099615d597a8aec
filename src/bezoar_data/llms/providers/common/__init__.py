"""What several kinds of provider share."""
