"""Commands of ``python -m edge_agent``, a module for each.

Every module has ``add_command``, which adds a parser whose default ``run`` takes what was chosen
and returns the exit status. What is slow to import is imported where it is used, so that ``--help``
is quick.
"""
