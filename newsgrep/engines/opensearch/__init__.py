"""The engine for many machines: an index on an OpenSearch server; no other room knows OpenSearch.

Where an index is, is read off its address (:mod:`newsgrep.engines.opensearch.address`).
"""
