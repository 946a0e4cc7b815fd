"""One request to a server and its answer as JSON, with nothing but the standard library.

The harness must not share a client with what it tests.
"""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit


class NoAnswer(Exception):
    """No answer came (status 0), or one that refuses (its HTTP status)."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


def ask(
    url: str, path: str = "/", *, method: str = "GET", body: object = None, seconds: float = 30.0
) -> Any:
    """Return the JSON that a server answers; raise NoAnswer where there is none, or a refusal.

    A body that is no string is sent as JSON; a string as it stands (``_bulk`` takes lines).
    """
    where = urlsplit(url)
    sent = body if body is None or isinstance(body, str) else json.dumps(body)
    connection = HTTPConnection(where.hostname or "", where.port, timeout=seconds)
    try:
        connection.request(
            method,
            path,
            body=None if sent is None else sent.encode(),
            headers={"Content-Type": "application/json"},
        )
        answer = connection.getresponse()
        text = answer.read()
    except (OSError, HTTPException) as error:
        raise NoAnswer(f"{method} {url}{path}: {error!r}") from error
    finally:
        connection.close()
    if answer.status >= 400:
        told = text.decode("utf-8", "replace")
        raise NoAnswer(f"{method} {url}{path}: {answer.status} {told}", answer.status)
    return json.loads(text)
