"""The file of a terminal: people, queue, records, and what keeps it within its disk."""
