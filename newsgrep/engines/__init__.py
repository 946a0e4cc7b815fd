"""Engines: where postings are stored and matched, behind one interface.

All engines implement :class:`newsgrep.engines.base.Engine` and return the same articles, counts,
scores and order; a contract test suite compares them. An engine receives query trees and analysed
documents: it never parses a query and never segments a text.

A query tree is evaluated in one of three ways:

* :mod:`~newsgrep.engines.memory` is brute force. It compares every article with the query, node
  by node, without an index. The contract suite takes its answers as the right ones.
* :mod:`~newsgrep.engines.postings_query` evaluates the tree over posting lists in Python. An
  engine provides lists and columns (``PostingsReader``); matching, facets and
  :mod:`~newsgrep.engines.ranking` are shared. Whoosh uses it.
* :mod:`~newsgrep.engines.engine_query` lowers the tree to clauses that an engine evaluates
  itself. tantivy and OpenSearch translate the clauses to queries of their own.

The last two read the stored texts of candidates where terms alone do not decide, as for phrases and
patterns: see :mod:`newsgrep.query.prefilter`.
"""
