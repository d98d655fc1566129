"""Kinds of commands to terminals, one module each; a new kind is a new module here.

Kinds whose work lies in another app have their module there (``faces.commands``). What a kind says
of itself is in ``devices.command_kinds``.
"""
