"""The default engine: a Whoosh index in a folder; no other room knows Whoosh.

Whoosh keeps postings, columns and commits. What matches and how it ranks is decided in
:mod:`newsgrep.engines.postings_query`; no class of newsgrep is inside Whoosh's pickles.
"""

from newsgrep.engines.whoosh.engine import WhooshEngine, open_engine, rollback, salvage

__all__ = ["WhooshEngine", "open_engine", "rollback", "salvage"]
