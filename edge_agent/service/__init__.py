"""The terminal as one process: assembly, start and stop, supervision, and what is seen from outside."""
