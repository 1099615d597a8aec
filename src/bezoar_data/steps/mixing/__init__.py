"""Mixtures: conversations of several sources in one format, and how much of each there is."""
