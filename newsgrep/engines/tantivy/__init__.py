"""The engine for one big machine: a tantivy index in a folder; no other room knows tantivy.

tantivy answers whole queries by itself, planned in :mod:`newsgrep.engines.engine_query`; what a
commit is and what is left of one lies in plain files, which are kept here.
"""

from newsgrep.engines.tantivy.commits import rollback
from newsgrep.engines.tantivy.engine import TantivyEngine, open_engine
from newsgrep.engines.tantivy.recovery import salvage

__all__ = ["TantivyEngine", "open_engine", "rollback", "salvage"]
