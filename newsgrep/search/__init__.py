"""From a query to ranked hits: search, reranking, snippets, score explanations, diagnosis.

Nothing here prints; the forms of a result are in :mod:`newsgrep.views`.
"""
