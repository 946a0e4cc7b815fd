"""What people type: the query tree and its parser, and what matches it.

Nothing here knows how an engine evaluates a query.
"""
