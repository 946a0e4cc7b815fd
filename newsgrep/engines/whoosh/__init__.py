"""The default engine: a Whoosh index in a folder; no other room knows Whoosh.

Whoosh keeps postings, columns and commits. What matches and how it ranks is decided in
:mod:`newsgrep.engines.evaluate`; no class of newsgrep is inside Whoosh's pickles.
"""

from newsgrep.engines.whoosh.engine import WhooshEngine, everything_kept, go_back, open_engine

__all__ = ["WhooshEngine", "everything_kept", "go_back", "open_engine"]
