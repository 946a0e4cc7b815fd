"""The pages of ``newsgrep serve`` for tests: in this process, or from a server."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import pytest
from lxml import etree

from tests.support.cli import TIMEOUT, clean_environment

pytest.importorskip("starlette")

from newsgrep.web.calls import Call
from newsgrep.web.site import Settings, Site


class Reply(NamedTuple):
    """An answer with its body as a whole."""

    status: int
    media_type: str
    data: bytes
    headers: Mapping[str, str]

    @property
    def text(self) -> str:
        return self.data.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    @property
    def tree(self) -> Any:
        """The page as a tree; a page that HTML parsers would have to correct fails."""
        return etree.fromstring(self.data, etree.HTMLParser(encoding="utf-8"))

    def texts(self, path: str) -> list[str]:
        """Return the texts of the elements that an XPath finds, with single spaces."""
        return [" ".join("".join(each.itertext()).split()) for each in self.tree.xpath(path)]


class Pages:
    """A site in this process."""

    def __init__(self, *indexes: Path | str, **settings: Any) -> None:
        self.site = Site(Settings(tuple(map(str, indexes)), **settings))

    def __call__(
        self,
        route: str = "search",
        target: str = "",
        etag: str = "",
        language: str = "",
        /,
        **parameters: object,
    ) -> Reply:
        """Answer a call; the values of a parameter may be a list."""
        pairs = tuple(
            (name.removesuffix("_"), str(each))
            for name, value in parameters.items()
            for each in (value if isinstance(value, list) else [value])
        )
        answer = self.site.answer(Call(route, target, pairs, etag, language))
        body = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
        return Reply(answer.status, answer.media_type, body, answer.headers)


class Served(NamedTuple):
    """A running server."""

    process: subprocess.Popen[bytes]
    url: str
    host: str
    port: int

    def get(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        /,
        **parameters: object,
    ) -> Reply:
        """Send one request with its own connection."""
        connection = HTTPConnection(self.host, self.port, timeout=TIMEOUT)
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        try:
            connection.request(method, target, headers=dict(headers or {}))
            response = connection.getresponse()
            data = response.read()
            found = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, found.get("content-type", ""), data, found)
        finally:
            connection.close()


@contextmanager
def serve(index: Path | str, *options: str, home: Path, stderr: Any = None) -> Iterator[Served]:
    """Run ``newsgrep serve`` on a free port; it must end within seconds of Ctrl-C, with 0."""
    command = [sys.executable, "-m", "newsgrep", "serve", "--index", str(index), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--no-browser", *options],
        stdout=subprocess.PIPE,
        stderr=stderr or subprocess.DEVNULL,
        env=clean_environment(home, {"PYTHONWARNINGS": None}),
    )
    try:
        assert process.stdout
        url = process.stdout.readline().decode().strip()
        assert re.match(r"http://", url), url
        parts = urlsplit(url)
        yield Served(process, url, parts.hostname or "", parts.port or 0)
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
