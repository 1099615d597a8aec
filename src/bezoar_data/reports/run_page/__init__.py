"""`report.html`: the rows of a run, each with its whole story, and pictures of what became of them, in one file."""
