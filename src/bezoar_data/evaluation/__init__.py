"""Testing models: suites of the LM Evaluation Harness, items kept one by one, and comparison paired by item."""
