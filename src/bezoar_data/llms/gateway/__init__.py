"""The one door to all models: cache look-up, in-flight requests, fallbacks."""
