"""``newsgrep serve`` as a process: who may use it, limits, and an index that changes meanwhile."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsgrep.web.server import Log
from tests.support.cli import Cli, write_article
from tests.support.web import Served, serve

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server(tides: Cli, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tides.folder / "index", home=tmp_path_factory.mktemp("home")) as found:
        yield found


def raw(server: Served, request: bytes) -> bytes:
    """Send bytes, and return the answer up to the end of the connection."""
    with socket.create_connection((server.host, server.port), timeout=20) as connection:
        connection.sendall(request)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


def test_pages_and_data_are_served_with_strict_headers(server: Served) -> None:
    for path in ("/", "/api/v1/search", "/nothing", "/static/newsgrep.css", "/api/v1/openapi.json"):
        reply = server.get(path)
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in reply.headers
        assert "server" not in reply.headers
    assert server.get("/nothing").status == 404
    assert server.get("/api/v1/nothing").json["error"]
    assert server.get("/static/../server.py").status == 404


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST:{port}", 200),
        ("127.0.0.1", 421),
        ("127.0.0.1:1", 421),
        ("evil.example:{port}", 421),
        ("127.0.0.1:{port}.evil.example", 421),
        ("", 421),
    ],
)
def test_host_header_must_be_the_announced_one(server: Served, host: str, status: int) -> None:
    reply = server.get("/saved", {"Host": host.format(port=server.port)})
    assert reply.status == status
    assert (b"tides" in reply.data) == (status == 200)


def test_requests_that_change_or_come_from_other_sites_are_refused(server: Served) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert server.get("/", {}, method).status == 405
    cross = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert server.get("/api/v1/search", cross).status == 403
    assert server.get("/", {**cross, "Sec-Fetch-Mode": "navigate"}).status == 200
    head = server.get("/", {}, "HEAD")
    assert (head.status, head.data) == (200, b"")


def test_malformed_requests_are_answered(server: Served) -> None:
    host = f"Host: 127.0.0.1:{server.port}\r\nConnection: close\r\n\r\n".encode()
    for target in (b"/?q=%ff%fe", b"/?q=%00", b"/?" + b"a&" * 5000, b"/article/%2e%2e%2f", b"//x/"):
        answer = raw(server, b"GET " + target + b" HTTP/1.1\r\n" + host)
        assert re.match(rb"HTTP/1.1 [234]\d\d ", answer), target
    assert raw(server, b"GET /?" + b"q" * 17_000 + b" HTTP/1.1\r\n" + host).startswith(
        b"HTTP/1.1 414"
    )
    assert raw(server, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_unchanged_page_is_not_sent_again(server: Served) -> None:
    first = server.get("/", q="%")
    assert server.get("/?q=%25", {"If-None-Match": first.headers["etag"]}).status == 304


def test_token_is_needed_and_leaves_the_address(tides: Cli, tmp_path: Path) -> None:
    with serve(tides.folder / "index", "--token", "s3cret-tide", home=tmp_path) as server:
        assert server.url.endswith("?token=s3cret-tide")
        assert server.get("/saved").status == 401
        assert server.get("/saved", {"Authorization": "Bearer wrong"}).status == 401
        assert server.get("/saved", {"Authorization": "Bearer s3cret-tide"}).status == 200
        signed_in = server.get("/saved?token=s3cret-tide&q=%E6%BD%AE")
        assert (signed_in.status, signed_in.headers["location"]) == (303, "/saved?q=%E6%BD%AE")
        cookie = signed_in.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "s3cret" not in cookie
        page = server.get("/saved", {"Cookie": cookie.partition(";")[0]})
        assert page.status == 200
        assert "s3cret" not in page.text
        assert server.get("/", {"Host": "evil.example", "Cookie": cookie}).status == 421


def test_sigterm_ends_the_server_and_its_workers(tides: Cli, tmp_path: Path) -> None:
    with serve(tides.folder / "index", home=tmp_path) as server:
        assert server.get("/").status == 200
        server.process.terminate()
        assert server.process.wait(20) == 0
        with pytest.raises(ConnectionError):
            server.get("/")


def test_header_of_a_proxy_names_the_user(tides: Cli, tmp_path: Path) -> None:
    options = ("--user-header", "X-Forwarded-User", "--allow-host", "news.example")
    with serve(tides.folder / "index", *options, home=tmp_path) as server:
        host = {"Host": "news.example"}
        assert server.get("/", host).status == 403
        assert server.get("/", {**host, "X-Forwarded-User": "mai"}).status == 200


def test_host_without_permission_is_refused(tides: Cli) -> None:
    for options, advice in (
        (("--host", "0.0.0.0"), "--token"),  # noqa: S104
        (("--host", "0.0.0.0", "--token", "x"), "--allow-host"),  # noqa: S104
        (("--host", "192.0.2.77", "--token", "x"), "--port"),
        (("--index", "nothing"), "No index"),
    ):
        assert advice in tides("serve", "--no-browser", "--port", "0", *options, status=2).err


def test_slow_query_is_stopped_with_advice(cli: Cli, tmp_path: Path) -> None:
    for number in range(60):
        text = f"第{number}班渡轮" + "渡轮在码头靠岸，搬运工把海带抬上栈桥。" * 600
        write_article(cli.folder / "n" / f"{number}.md", f"第{number}班", text)
    cli("index", "n")
    options = ("--time-limit", "0.2", "--workers", "1")
    with serve(cli.folder / "index", *options, home=tmp_path) as server:
        for path in ("/kwic", "/api/v1/kwic"):
            refused = server.get(path, q="渡轮 OR 码头", order="left")
            assert refused.status == 503
            assert "longer than 0.2 seconds" in refused.text
            assert refused.headers["retry-after"]
        found = [server.get("/api/v1/count", q="渡轮") for _ in range(5)]
        assert 200 in {each.status for each in found}  # the worker was replaced


def test_log_has_a_limited_number_of_lines(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log(requests=True)
    for number in range(1000):
        log.write(f"GET /{number}\n\x1b[31m" + "x" * 1000)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 20
    assert max(map(len, lines)) < 320
    assert "\x1b" not in "".join(lines)


def test_commits_are_shown_without_a_failed_request(cli: Cli, tmp_path: Path) -> None:
    def publish(number: int) -> None:
        text = f"第{number}班渡轮今晨在鹭岛靠岸，搬运工把{number}箱海带抬上栈桥。"
        write_article(cli.folder / "n" / f"{number}.md", f"第{number}班渡轮", text)

    publish(0)
    cli("index", "n")
    failures: list[str] = []
    totals: list[list[int]] = [[] for _ in range(8)]
    done = threading.Event()

    def read(server: Served, seen: list[int]) -> None:
        paths = ("/api/v1/search?q=%E6%B8%A1%E8%BD%AE", "/?q=%E6%B8%A1%E8%BD%AE", "/timeline")
        while not done.is_set():
            for path in paths:
                reply = server.get(path)
                if reply.status != 200:
                    failures.append(f"{reply.status} {path} {reply.text[:300]}")
                elif path.startswith("/api"):
                    seen.append(reply.json["total"])

    with serve(cli.folder / "index", "--workers", "2", home=tmp_path) as server:
        readers = [threading.Thread(target=read, args=(server, seen)) for seen in totals]
        for each in readers:
            each.start()
        try:
            for number in range(1, 6):
                publish(number)
                cli("index", "n")
                if number == 3:
                    cli("reindex")
            time.sleep(0.5)
        finally:
            done.set()
            for each in readers:
                each.join()
        assert failures == []
        assert server.get("/api/v1/count?q=%E6%B8%A1%E8%BD%AE").json["total"] == 6
    for seen in totals:
        assert seen == sorted(seen)
        assert seen
