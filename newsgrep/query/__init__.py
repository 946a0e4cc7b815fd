"""A question as typed becomes newsgrep's own small tree.

Nothing here knows how an engine answers it.
"""
