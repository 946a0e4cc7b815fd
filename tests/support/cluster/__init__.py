"""A real OpenSearch for tests: fetched by Maven, started on loopback, ended by process id.

No server outlives the process that started it, however that ends. By hand:
``python -m tests.support.cluster run --nodes 3``.
"""

from tests.support.cluster.cluster import Cluster
from tests.support.cluster.distribution import VERSION, Missing, distribution, find_java
from tests.support.cluster.node import Failed
from tests.support.cluster.rest import NoAnswer, ask

__all__ = [
    "VERSION",
    "Cluster",
    "Failed",
    "Missing",
    "NoAnswer",
    "ask",
    "distribution",
    "find_java",
]
