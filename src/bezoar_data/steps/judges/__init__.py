"""Steps that judge rows and keep them, verdict and all."""
