"""Datasets on the Hugging Face Hub: publishing one, and fetching one without trusting it."""
