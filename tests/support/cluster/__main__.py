"""Fetch the server (``fetch``), or run a cluster until Ctrl-C (``run --nodes 3``).

``run`` prints one JSON object when the cluster is ready: the URLs and the process ids.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys

from tests.support.cluster import Cluster, ClusterFailed, Missing, fetch_distribution, find_java


def main() -> int:
    """Return 0, or 2 if something is missing or the cluster does not start."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.cluster", description=__doc__)
    parser.add_argument("action", choices=["fetch", "run"])
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--heap", default="512m")
    arguments = parser.parse_args()
    try:
        if arguments.action == "fetch":
            find_java()
            fetch_distribution()
        else:
            run(arguments.nodes, arguments.heap)
    except (Missing, ClusterFailed) as error:
        print(f"opensearch: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def run(nodes: int, heap: str) -> None:
    """Run a cluster until a signal arrives."""
    with Cluster(nodes, heap) as cluster:
        print(json.dumps({"urls": cluster.urls, "pids": cluster.pids}), flush=True)
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
