"""The run folder, the row and its lineage: schemas, reading, writing."""
