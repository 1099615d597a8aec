"""A person's own project: the shipped files, copies of them, and a new project's first files."""
