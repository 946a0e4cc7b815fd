"""An index in its folder, and how files get into it: opening, reading, updating.

Nothing here knows of queries or of what is printed.
"""
