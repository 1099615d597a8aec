"""Chat templates of strangers, rendered where they can do no harm.

A template is a program: of a tokenizer, a models file, a recipe. Jinja's sandbox keeps it from objects, not from loops
without end or texts without end, and where it computes in C not even Ctrl-C comes through. So each is compiled and
rendered in a process of its own (`child.py`), without this process's environment, with bounds on time, memory and text.
"""
