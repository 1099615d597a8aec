"""What stands at the head of a placeholder for an answer, so that it is never taken for one."""

MARK = "Placeholder, not an answer:"
