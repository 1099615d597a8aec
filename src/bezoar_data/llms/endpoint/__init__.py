"""One endpoint: retries, limits, time-outs, budget, usage."""
