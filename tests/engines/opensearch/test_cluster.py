"""The test servers: they keep what was written, and never outlive the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from tests.support.cli import REPOSITORY
from tests.support.cluster import (
    Cluster,
    Missing,
    RequestFailed,
    fetch_distribution,
    find_java,
    request,
)
from tests.support.cluster.fixtures import IndexNames, start_cluster
from tests.support.cluster.folders import own_folder

pytestmark = pytest.mark.engines

ARTICLE = {"title": "两岸发表联合声明"}


def write(cluster: Cluster, index: str, number: int) -> None:
    path = f"/{index}/_doc/{number}?refresh=true"
    cluster.request(path, method="PUT", body=ARTICLE | {"number": number})


def numbers(url: str, index: str) -> list[int]:
    hits = request(url, f"/{index}/_search?size=100")["hits"]["hits"]
    return sorted(hit["_source"]["number"] for hit in hits)


def processes_in(folder: Path) -> list[int]:
    """Return the processes whose command contains a path in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        if f"{folder}/".encode() in command:
            found.append(int(entry.parent.name))
    return found


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def alive(process: int) -> bool:
    """Return whether a process is running; an ended one may still be a zombie."""
    try:
        status = Path(f"/proc/{process}/stat").read_text("utf-8")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_server_keeps_documents_when_killed(opensearch: IndexNames) -> None:
    cluster, index = opensearch.cluster, opensearch.prefix
    write(cluster, index, 1)
    cluster.wait("yellow")
    before = cluster.pids[0]
    cluster.kill(0)
    assert cluster.running == []
    assert before is not None
    assert not alive(before)
    with pytest.raises(RequestFailed):
        request(cluster.urls[0], seconds=5)

    # Restarted by a thread that ends at once: the server must not end with the thread.
    helper = Thread(target=cluster.restart, args=[0])
    helper.start()
    helper.join()
    cluster.wait("yellow")
    assert cluster.pids[0] != before
    assert numbers(cluster.urls[0], index) == [1]


def test_pid_is_java_and_not_root(opensearch: IndexNames) -> None:
    process = Path(f"/proc/{opensearch.cluster.pids[0]}")
    assert (process / "exe").readlink().name == "java"
    assert process.stat().st_uid != 0


def test_index_names_delete_removes_everything(opensearch_server: Cluster) -> None:
    names = IndexNames(opensearch_server)
    others = IndexNames(opensearch_server)
    for name in (names.prefix, f"{names.prefix}-2024", others.prefix):
        write(opensearch_server, name, 1)
    opensearch_server.request(f"/{names.prefix}-2024/_alias/{names.prefix}-all", method="PUT")
    template = {"index_patterns": [f"{names.prefix}-x*"]}
    opensearch_server.request(f"/_index_template/{names.prefix}", method="PUT", body=template)
    names.delete()
    left = [row["index"] for row in opensearch_server.request("/_cat/indices?format=json")]
    assert [name for name in left if name.startswith(names.prefix)] == []
    assert others.prefix in left
    with pytest.raises(RequestFailed, match="404"):
        opensearch_server.request(f"/_index_template/{names.prefix}")
    others.delete()


@pytest.mark.parametrize("when", ["starting", "running"])
def test_server_ends_with_its_starter(when: str, opensearch_server: Cluster) -> None:
    assert opensearch_server.running == [0]  # so a server can be started here
    with own_folder() as folder:
        starter = subprocess.Popen(
            [sys.executable, "-m", "tests.support.cluster", "run"],
            cwd=REPOSITORY,
            env=os.environ | {"TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
        )
        with starter:
            assert starter.stdout is not None
            if when == "running":
                [server] = json.loads(starter.stdout.readline())["pids"]
                assert server in processes_in(folder)
            else:
                until(lambda: processes_in(folder) != [])
            starter.kill()
        until(lambda: processes_in(folder) == [])


def test_missing_java_or_maven_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="no Java 17 found"):
        find_java()
    with pytest.raises(Missing, match=r"no Maven found to fetch .*opensearch:2"):
        fetch_distribution()
    java = tmp_path / "java"
    java.write_text(
        "#!/bin/sh\necho 'java.home = /opt/java\n    java.specification.version = 11' >&2\n"
    )
    java.chmod(0o755)
    with pytest.raises(Missing, match="java is version 11"):
        find_java()
    maven = tmp_path / "mvn"
    maven.write_text("#!/bin/sh\necho '[ERROR] Could not transfer artifact'\nexit 1\n")
    maven.chmod(0o755)
    with pytest.raises(Missing, match="Could not transfer artifact"):
        fetch_distribution()


def test_fetch_distribution_verifies_the_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin{os.pathsep}/usr/bin")
    maven = tmp_path / "mvn"
    maven.write_text(
        '#!/bin/sh\nfor last; do :; done\necho else >"${last#*=}/opensearch-2.19.3.zip"\n'
    )
    maven.chmod(0o755)
    with pytest.raises(Missing, match="a file other than"):
        fetch_distribution()
    assert list((tmp_path / "cache" / "newsgrep").iterdir()) == []


@pytest.mark.cluster3
def test_three_servers_elect_a_new_manager() -> None:
    with start_cluster(3) as cluster:
        index = {"settings": {"number_of_shards": 1, "number_of_replicas": 1}}
        cluster.request("/news", method="PUT", body=index)
        cluster.wait("green")
        write(cluster, "news", 1)
        first = cluster.manager()
        cluster.kill(first)
        second = cluster.manager()
        assert second != first
        cluster.wait("yellow", nodes=2)
        write(cluster, "news", 2)
        cluster.restart(first)
        cluster.wait("green", nodes=3)
        assert all(numbers(url, "news") == [1, 2] for url in cluster.urls)

        processes = [process for process in cluster.pids if process is not None]
        assert [alive(process) for process in processes] == [True, True, True]
    assert [alive(process) for process in processes] == [False, False, False]
