"""Models that score texts, as `reward` stages leave them."""
