"""Asking a trained model, or any other that lies here: what was named, loading it, answers, files of prompts."""
