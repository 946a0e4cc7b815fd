"""A real OpenSearch server for tests: fetched by Maven, started on loopback, ended by process id.

No server outlives the process that started it, however that process ends. To start one by
hand: ``python -m tests.support.cluster run --nodes 3``.
"""

from tests.support.cluster.cluster import Cluster
from tests.support.cluster.distribution import VERSION, Missing, fetch_distribution, find_java
from tests.support.cluster.node import ClusterFailed
from tests.support.cluster.rest import RequestFailed, request

__all__ = [
    "VERSION",
    "Cluster",
    "ClusterFailed",
    "Missing",
    "RequestFailed",
    "fetch_distribution",
    "find_java",
    "request",
]
