"""Servers that are slow, lie, or send too much: an error in bounded time and memory."""

from __future__ import annotations

import gzip
import socket
import subprocess
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import repeat
from pathlib import Path
from threading import Thread

import pytest

from newsgrep.engines.opensearch import client
from newsgrep.engines.opensearch.client import Deadline, ServerConnections
from tests.support.cli import NEWSGREP, Cli, CommandResult, clean_environment
from tests.support.lying_server import Behaviour, LyingServer, lying_server, once, response, slowly

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
GZIP = "Content-Encoding: gzip"
NO_INDEX = b'{"error": {"type": "index_not_found_exception"}, "status": 404}'
MAX_MEMORY = 400 << 20
"""Bytes: the process itself, and twice the longest response."""


def search(cli: Cli, behaviour: Behaviour, env: dict[str, str] | None = None) -> str:
    """Return the error of a search that may take a second for each request."""
    with lying_server(behaviour) as server:
        begin = time.monotonic()
        ran = cli("search", "渡轮", "--index", server.url, "--timeout", "1", env=env, status=2)
        assert time.monotonic() - begin < 15
    return one_error(ran)


def one_error(ran: CommandResult) -> str:
    assert ran.out == ""
    assert ran.err.startswith("newsgrep: The server ")
    assert ran.err.count("\n") == 1
    return ran.err


@contextmanager
def connections_to(server: LyingServer) -> Iterator[ServerConnections]:
    connections = ServerConnections("127.0.0.1", server.port, None, {})
    try:
        yield connections
    finally:
        connections.close()


# Slow servers


@pytest.mark.parametrize(
    "behaviour",
    [
        slowly(b"", repeat(b"H")),
        slowly(HEAD, repeat(b"X")),
        slowly(b"", repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), 0),
        slowly(HEAD + b"Content-Length: 1000000\r\n\r\n", repeat(b" ")),
        slowly(HEAD + CHUNKED, repeat(b"1\r\n \r\n")),
        slowly(HEAD + CHUNKED + b"1", repeat(b";x")),
        slowly(HEAD + CHUNKED + b"0\r\n", repeat(b"Trailer: x\r\n")),
        slowly(HEAD + GZIP.encode() + b"\r\n" + CHUNKED, repeat(b"5\r\n\0\0\0\xff\xff\r\n")),
        slowly(b"", repeat(b"")),
    ],
    ids=[
        "status", "header", "continue", "body", "chunks", "extension", "trailer", "empty blocks",
        "silence",
    ],
)  # fmt: skip
def test_slow_response_ends_with_the_timeout(cli: Cli, behaviour: Behaviour) -> None:
    err = search(cli, behaviour)
    assert "has not responded within 1 s" in err
    assert "--timeout" in err


def test_deadline_includes_repeated_attempts(cli: Cli) -> None:
    def hang_up(_: socket.socket) -> Iterator[bytes]:
        time.sleep(0.6)
        yield b""

    assert "has not responded within 1 s" in search(cli, hang_up)


def test_deadline_includes_sending() -> None:
    silent = slowly(b"", repeat(b""))  # reads nothing more either
    with lying_server(silent) as server, connections_to(server) as connections:
        begin = time.monotonic()
        with pytest.raises(TimeoutError):
            connections.send("POST", "/_bulk", bytes(64 << 20), Deadline(0.5))
        assert time.monotonic() - begin < 4


def test_deadline_includes_the_tls_handshake(cli: Cli) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"opensearch+https://127.0.0.1:{silent.getsockname()[1]}/news"
        begin = time.monotonic()
        ran = cli("search", "渡轮", "--index", url, "--timeout", "1", status=2)
    assert time.monotonic() - begin < 15
    assert "has not responded within 1 s" in one_error(ran)


def test_timeout_is_taken_from_the_environment(cli: Cli) -> None:
    with lying_server(slowly(b"", repeat(b"H"))) as server:
        env = {"NEWSGREP_TIMEOUT": "1"}
        ran = cli("stats", "--index", server.url, env=env, status=2)
    assert "has not responded within 1 s" in one_error(ran)
    for wrong in ("0", "nan", "1e3", "90000"):
        assert "--timeout" in cli("search", "渡轮", "--timeout", wrong, status=2).err


# Large responses


def peak_memory(cli: Cli, behaviour: Behaviour) -> tuple[int, bytes]:
    """Return the largest memory of a search in bytes, and its standard error."""
    with lying_server(behaviour) as server:
        process = subprocess.Popen(
            [NEWSGREP, "search", "渡轮", "--index", server.url, "--timeout", "20"],
            cwd=cli.folder,
            env=clean_environment(cli.folder),
            stderr=subprocess.PIPE,
        )
        # Not the usage that the system reports: it includes this process before the program began.
        peak = 0
        while process.poll() is None:
            with suppress(OSError, StopIteration):
                lines = Path(f"/proc/{process.pid}/status").read_text("ascii").splitlines()
                line = next(each for each in lines if each.startswith("VmHWM"))
                peak = max(peak, int(line.split()[1]) << 10)
            time.sleep(0.01)
        assert process.stderr is not None
        err = process.stderr.read()
        process.stderr.close()
    assert process.returncode == 2, err
    assert peak > 0
    return peak, err


def gzip_bomb(size: int) -> bytes:
    """Return ``size`` MB of spaces, compressed."""
    packer = zlib.compressobj(1, wbits=31)
    return b"".join(packer.compress(b" " * (1 << 20)) for _ in range(size)) + packer.flush()


@pytest.mark.slow
def test_compressed_bomb_is_not_unpacked(cli: Cli) -> None:
    memory, err = peak_memory(cli, once(response(gzip_bomb(500), GZIP)))
    assert b"a response that is too large" in err
    assert memory < MAX_MEMORY


@pytest.mark.slow
def test_endless_response_is_not_read(cli: Cli) -> None:
    part = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    memory, err = peak_memory(cli, slowly(HEAD + CHUNKED, repeat(part), 0))
    assert b"a response that is too large" in err
    assert memory < MAX_MEMORY


@pytest.mark.slow
@pytest.mark.parametrize("value", [b"{},", b"[],", b'{"a":1},', b"0,"])
def test_response_of_many_values_is_not_parsed(cli: Cli, value: bytes) -> None:
    body = b'{"a":[' + value * (40_000_000 // len(value)) + b"0]}"
    memory, err = peak_memory(cli, once(response(body)))
    assert b"a response with more than 2,000,000 values" in err
    assert memory < MAX_MEMORY


def test_deeply_nested_response_is_rejected(cli: Cli) -> None:
    body = b'{"a":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}"
    assert "returned an invalid response (not JSON)" in search(cli, once(response(body)))


def test_compressed_response_is_unpacked() -> None:
    body = b'{"fog": "harbour"}'
    for packed, encoding in (
        (gzip.compress(body), "gzip"),
        (zlib.compress(body), "deflate"),
        (body, "identity"),
    ):
        behaviour = once(response(packed, f"Content-Encoding: {encoding}"))
        with lying_server(behaviour) as server, connections_to(server) as connections:
            assert connections.send("GET", "/", None, Deadline(5)).body == body
        assert b"Accept-Encoding: identity" in server.requests[0]


def test_response_of_the_largest_size_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_RESPONSE_BYTES", 100_000)
    for size, headers, body in (
        (100_000, (), b" " * 100_000),
        (100_000, (GZIP,), gzip.compress(b" " * 100_000)),
        (None, (), b" " * 100_001),
        (None, (GZIP,), gzip.compress(b" " * 100_001)),
    ):
        behaviour = once(response(body, *headers))
        with lying_server(behaviour) as server, connections_to(server) as connections:
            if size is None:
                with pytest.raises(client.ResponseTooLarge):
                    connections.send("GET", "/", None, Deadline(5))
            else:
                assert len(connections.send("GET", "/", None, Deadline(5)).body) == size


# Responses that are not those of an HTTP server


@pytest.mark.parametrize(
    ("behaviour", "problem"),
    [
        (once(b"fog\r\n\r\n"), "does not respond as an HTTP server does"),
        (once(b"\x15\x03\x01\x00\x02\x02"), "does not respond as an HTTP server does"),
        (once(HEAD + b"X: y\r\n" * 101 + b"\r\n"), "does not respond as an HTTP server does"),
        (once(HEAD + b"X" * 70_000 + b"\r\n\r\n"), "does not respond as an HTTP server does"),
        (once(b"HTTP/9.9 200 OK\r\n\r\n"), "does not respond as an HTTP server does"),
        (once(b"HTTP/1.1 seven OK\r\n\r\n"), "does not respond as an HTTP server does"),
        (once(b""), "can't be reached (it closed the connection)"),
        (once(HEAD + b"Content-Length: 9\r\n\r\n{}"), "closed the connection in the middle"),
        (once(HEAD + CHUNKED + b"fog\r\n"), "closed the connection in the middle"),
        (once(HEAD + CHUNKED + b"9\r\n{}"), "closed the connection in the middle"),
        (once(response(b"fog", GZIP)), "(the compressed data is invalid)"),
        (once(response(gzip.compress(b"{}")[:-4], GZIP)), "closed the connection in the middle"),
        (once(response(b"{}", "Content-Encoding: br")), "(the encoding br was not requested)"),
        (once(response(b"fog")), "returned an invalid response (not JSON)"),
        (once(response(b"[]")), "returned an invalid response (not a JSON object)"),
        (once(response(b"")), "returned an invalid response (not JSON)"),
        (once(response(b'{"a": 1' + b"0" * 9_999 + b"}")), "returned an invalid response"),
    ],
)
def test_invalid_response_is_described(cli: Cli, behaviour: Behaviour, problem: str) -> None:
    assert problem in search(cli, behaviour)


def test_control_characters_of_a_server_are_not_printed(cli: Cli) -> None:
    body = b'{"error": {"type": "fog", "reason": "\\u001b[31m\\u202edark\\u0007\\nharbour"}}'
    err = search(cli, once(response(body, status="500 \x1b[31mX")))
    assert "fog: " in err
    assert not [character for character in err.rstrip("\n") if not character.isprintable()]


# Other hosts and passwords


def test_redirect_is_refused_and_named(cli: Cli) -> None:
    with lying_server(once(response(b"{}"))) as other:
        for status in ("301 Moved", "302 Found", "307 Temporary", "308 Permanent"):
            location = f"Location: http://127.0.0.1:{other.port}/news"
            err = search(cli, once(response(b"{}", location, status=status)))
            assert f"redirects the request to http://127.0.0.1:{other.port}/news" in err
            assert "Name the address of the OpenSearch server" in err
        assert other.requests == []


def test_proxy_and_netrc_are_ignored(cli: Cli) -> None:
    (cli.folder / ".netrc").write_text("machine 127.0.0.1 login leserin password fog\n", "ascii")
    (cli.folder / ".netrc").chmod(0o600)
    answer = once(response(NO_INDEX, status="404 Not Found"))
    with lying_server(answer) as proxy, lying_server(answer) as server:
        names = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy")
        env = dict.fromkeys(names, f"http://127.0.0.1:{proxy.port}")
        env |= {"HOME": str(cli.folder), "NETRC": str(cli.folder / ".netrc")}
        ran = cli("search", "渡轮", "--index", server.url, env=env, status=2)
        assert "No index at" in ran.err
        assert proxy.requests == []
    assert b"authorization" not in server.requests[0].lower()


def test_second_address_of_a_host_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with lying_server(once(response(b"{}"))) as server, socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # not listening
        kind = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        found = [(*kind, deaf.getsockname()), (*kind, ("127.0.0.1", server.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        connections = ServerConnections("news.example", 1, None, {})
        assert connections.send("GET", "/", None, Deadline(5)).body == b"{}"
        connections.close()


def test_closed_connection_is_not_used_again() -> None:
    behaviour = once(response(b"{}"))  # without Connection: close
    with lying_server(behaviour) as server, connections_to(server) as connections:
        for _ in range(3):
            assert connections.send("GET", "/", None, Deadline(5)).status == 200
            time.sleep(0.05)
        threads = [
            Thread(target=connections.send, args=("GET", "/", None, Deadline(5))) for _ in range(9)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.requests) == 12
