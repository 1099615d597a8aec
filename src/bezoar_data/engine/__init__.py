"""Runs a compiled pipeline row by row: scheduler, spool, progress."""
