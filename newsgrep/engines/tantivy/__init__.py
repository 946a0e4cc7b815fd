"""The engine for one big machine: a tantivy index in a folder; no other room knows tantivy.

tantivy answers whole queries by itself, planned in :mod:`newsgrep.engines.clauses`; what a
commit is and what is left of one lies in plain files, which are kept here.
"""

from newsgrep.engines.tantivy.engine import TantivyEngine, open_engine
from newsgrep.engines.tantivy.folder import go_back
from newsgrep.engines.tantivy.kept import everything_kept

__all__ = ["TantivyEngine", "everything_kept", "go_back", "open_engine"]
