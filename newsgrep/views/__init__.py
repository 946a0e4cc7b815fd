"""What a whole answer looks like from a distance: over time, and around its words.

Values come in from the seam and go out complete; nothing here draws or prints.
"""
