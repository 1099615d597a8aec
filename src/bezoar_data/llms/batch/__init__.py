"""The batch interfaces of providers, at half price."""
