"""The engine for one large machine: a tantivy index in a folder.

tantivy evaluates whole queries, lowered by :mod:`newsgrep.engines.engine_query`. No other
package of newsgrep imports it.
"""

from newsgrep.engines.tantivy.commits import rollback
from newsgrep.engines.tantivy.engine import TantivyEngine, open_engine
from newsgrep.engines.tantivy.recovery import salvage

__all__ = ["TantivyEngine", "open_engine", "rollback", "salvage"]
