"""Human spot-check in Argilla."""
