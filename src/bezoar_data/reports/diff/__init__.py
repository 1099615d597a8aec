"""How two runs differ: what was set, what was asked, what came of it, row by row."""
