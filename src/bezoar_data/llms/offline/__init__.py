"""The embedded demo models: a teacher and a judge that follow rules. No download, no key, no knowledge."""
