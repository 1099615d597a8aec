"""Runs on a Ray cluster: workers that each run a shard, and who places, supervises and merges them."""
