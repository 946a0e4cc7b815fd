"""What text becomes: characters, folding, terms, analysed documents, their stored form, scores.

Nothing here reads files, parses queries or opens indexes.
"""
