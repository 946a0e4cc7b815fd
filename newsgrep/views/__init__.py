"""What is seen in many hits at once: each view asks an engine and returns values.

Nothing here prints; the lines, tables and objects are made in ``output``.
"""
