"""The terminal as one process: assembly, start and stop, supervision, status."""
