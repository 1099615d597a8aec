"""Stub for the contract: `ChatLLM` (distilabel LLM) and `ask_each`. To be written."""
