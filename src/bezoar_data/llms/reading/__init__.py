"""What is read of a model's answer, whoever gave it: thinking apart, marks cut off, why it ended, whether it is one.

`received` is applied where completions come in, `as_read` where a stored entry is looked up: an answer of an older
journal is read as one that comes today.
"""
