"""The engine-neutral query language of engines that evaluate whole queries themselves.

tantivy and OpenSearch index the same fields (:mod:`~newsgrep.engines.engine_query.fields`).
A query tree is lowered (:mod:`~newsgrep.engines.engine_query.lower`) to clauses over these
fields (:mod:`~newsgrep.engines.engine_query.ir`), each of which both engines support natively.
What only the stored text can decide, such as a regular expression, is verified during
lowering and becomes a clause over article ids.
"""
