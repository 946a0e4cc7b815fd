"""Characters, folding, segmenting, literal matching and snippets: text in, text or offsets out.

Nothing here knows of files, queries or indexes.
"""
