"""Results become what a person or a script reads: terminal, JSON, CSV, paths.

Markup is put on here and nowhere else.
"""
