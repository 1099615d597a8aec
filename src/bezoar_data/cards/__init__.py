"""The card: what a dataset is and promises."""
