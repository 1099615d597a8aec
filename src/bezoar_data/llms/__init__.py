"""LLM calls: gateway, endpoints, batches, providers, and the journal of answers."""
