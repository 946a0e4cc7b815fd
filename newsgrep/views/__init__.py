"""What a whole answer looks like from a distance: each view asks an engine and returns values.

Nothing here draws or prints; lines, tables and objects are made in ``output``.
"""
