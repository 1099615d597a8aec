"""Compiles a pipeline file into a distilabel DAG; checks it against the catalogue of steps."""
