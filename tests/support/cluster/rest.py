"""Requests to a server with the standard library only.

The test harness must not share a client with the code that it tests.
"""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit


class RequestFailed(Exception):
    """There was no response (status 0), or one with an error status."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def request(
    url: str, path: str = "/", *, method: str = "GET", body: object = None, seconds: float = 30.0
) -> Any:
    """Return the JSON of a server's response; raises RequestFailed.

    A body is sent as JSON unless it is a string, which is sent as it is (``_bulk`` takes lines).
    """
    parts = urlsplit(url)
    content = body if body is None or isinstance(body, str) else json.dumps(body)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.request(
            method,
            path,
            body=None if content is None else content.encode(),
            headers={"Content-Type": "application/json"},
        )
        response = connection.getresponse()
        text = response.read()
    except (OSError, HTTPException) as error:
        raise RequestFailed(f"{method} {url}{path}: {error!r}") from error
    finally:
        connection.close()
    if response.status >= 400:
        message = text.decode("utf-8", "replace")
        raise RequestFailed(f"{method} {url}{path}: {response.status} {message}", response.status)
    return json.loads(text)
