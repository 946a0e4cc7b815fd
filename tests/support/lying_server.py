"""A server that sends whatever bytes a test wants, at any speed."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

Behaviour = Callable[[socket.socket], Iterable[bytes]]
"""Yields the bytes to send after a request has arrived on a connection."""


class LyingServer:
    """A server on loopback; ``requests`` are the heads of the requests that have arrived."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.requests: list[bytes] = []
        self._behaviour = behaviour
        self._ended = Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._threads = [Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"opensearch://127.0.0.1:{self.port}/news"

    def close(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def _accept(self) -> None:
        while not self._ended.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                thread = Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(0.2)
        with connection, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and not self._ended.is_set():
                with suppress(TimeoutError):
                    more = connection.recv(65_536)
                    if not more:
                        return
                    head += more
            self.requests.append(head)
            for part in self._behaviour(connection):
                if self._ended.is_set():
                    return
                connection.settimeout(5)
                connection.sendall(part)


@contextmanager
def lying_server(behaviour: Behaviour) -> Iterator[LyingServer]:
    server = LyingServer(behaviour)
    try:
        yield server
    finally:
        server.close()


def once(*parts: bytes) -> Behaviour:
    """Send ``parts`` and close the connection."""
    return lambda _: parts


def slowly(start: bytes, parts: Iterable[bytes], seconds: float = 0.1) -> Behaviour:
    """Send ``start`` at once, then one of ``parts`` at a time."""

    def behave(_: socket.socket) -> Iterator[bytes]:
        yield start
        for part in parts:
            time.sleep(seconds)
            yield part

    return behave


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """Return a response with ``Content-Length``."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
