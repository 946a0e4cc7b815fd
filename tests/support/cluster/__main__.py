"""By hand: fetch the server (``fetch``), or run a cluster until Ctrl-C (``run --nodes 3``).

``run`` prints one JSON object when the cluster is up: the addresses and the processes.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys

from tests.support.cluster import Cluster, Failed, Missing, distribution, find_java


def main() -> int:
    """Return 0, or 2 where something is missing or no cluster comes up."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.cluster", description=__doc__)
    parser.add_argument("action", choices=["fetch", "run"])
    parser.add_argument("--nodes", type=int, default=1)
    parser.add_argument("--heap", default="512m")
    asked = parser.parse_args()
    try:
        if asked.action == "fetch":
            find_java()
            distribution()
        else:
            run(asked.nodes, asked.heap)
    except (Missing, Failed) as error:
        print(f"opensearch: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def run(nodes: int, heap: str) -> None:
    """Run a cluster until a signal comes."""
    with Cluster(nodes, heap) as cluster:
        print(json.dumps({"urls": cluster.urls, "pids": cluster.pids}), flush=True)
        signal.pause()


if __name__ == "__main__":
    sys.exit(main())
