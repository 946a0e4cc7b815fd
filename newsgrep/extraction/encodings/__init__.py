"""Encodings: which one a file has, by its declaration or by how likely its text is."""
