"""LM Eval Harness, MT-Bench."""
