"""Runs in shards: a shard's run, where its answers are collected, and the merge of all of them."""
