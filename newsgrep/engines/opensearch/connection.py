"""Requests to a server, and what goes wrong with them as errors of ours, with the next step.

What the client raises becomes ours here and nowhere else; it neither logs nor warns by itself.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn

from newsgrep.engines.opensearch.address import PASSWORD_VARIABLE, USER_VARIABLE, ServerAddress
from newsgrep.engines.opensearch.credentials import CA_VARIABLE, credentials_for
from newsgrep.errors import NewsgrepError, ServerProblem

if TYPE_CHECKING:
    from opensearchpy import OpenSearch
    from opensearchpy.exceptions import TransportError

Answer = dict[str, Any]

SECONDS: Final = 60
"""How long an answer may take."""

AT_ONCE: Final = 8
"""Connections that are kept open."""

_RETRIES: Final = 3
_PAUSES: Final = (0.1, 0.4, 1.0)
"""Seconds before each time that a part of an index is asked for again.

One that was made a moment ago is no machine's at first, and so looks like one that is lost.
"""
_UNAVAILABLE: Final = 503
# In the path, for the client takes a parameter called timeout for its own.
_SETTLED: Final = "wait_for_no_initializing_shards=true&timeout=5s"
_MOST_SAID: Final = 300
"""Characters of what a server says in an error."""


class Connection:
    """A server, which is not asked anything before it has to be."""

    def __init__(self, address: ServerAddress) -> None:
        self.address = address
        self._client: OpenSearch | None = None
        self._writer: OpenSearch | None = None

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        params: Mapping[str, str] | None = None,
        ignored: tuple[int, ...] = (),
    ) -> Answer:
        """Return the answer to a request that may be repeated without harm.

        It is, where a connection breaks or no answer comes in time. Answers with a status
        among ``ignored`` are returned as well; then there is an ``error`` in them. Raises
        :class:`ServerProblem`.
        """
        with self.problems_named():
            answer = self._settled_answer(method, path, body, dict(params or {}), ignored)
        return answer if isinstance(answer, dict) else {}

    def _settled_answer(
        self,
        method: str,
        path: str,
        body: object,
        params: dict[str, str],
        ignored: tuple[int, ...],
    ) -> object:
        """Ask again where a part of the index is only about to be there.

        That of a new year is for a moment, after its index has joined the others. A part that
        no machine has is not waited for longer than that.
        """
        from opensearchpy.exceptions import TransportError

        if self._client is None:
            self._client = self._new_client(retries=_RETRIES)
        perform = self._client.transport.perform_request
        for pause in _PAUSES:
            try:
                return perform(method, path, params=params, body=body, ignore=ignored)
            except TransportError as exc:
                if not _may_pass(exc):
                    raise
            time.sleep(pause)
            perform("GET", f"/_cluster/health/{self.address.name}.*?{_SETTLED}", ignore=(408,))
        return perform(method, path, params=params, body=body, ignore=ignored)

    def ask_lines(self, path: str, lines: list[object]) -> Answer:
        """Return the answer to several questions in one request."""
        from newsgrep.jsontext import to_json

        return self.ask("POST", path, "".join(f"{to_json(line)}\n" for line in lines))

    @property
    def writer(self) -> OpenSearch:
        """The client to write with: it sends nothing twice by itself.

        A request that came to no end may still be at work, and overtake what is sent after it.
        """
        if self._writer is None:
            self._writer = self._new_client(retries=0)
        return self._writer

    def refuse(self, answer: Answer) -> NoReturn:
        """Raise what is the matter where one of several answers is an error."""
        from opensearchpy.exceptions import TransportError

        status, error = answer["status"], answer["error"]
        raise self._problem(TransportError(status, str(error.get("type")), answer))

    def close(self) -> None:
        """Close all connections; asking again opens them anew."""
        for client in (self._client, self._writer):
            if client is not None:
                client.close()
        self._client = self._writer = None

    def _new_client(self, retries: int) -> OpenSearch:
        from opensearchpy import OpenSearch

        logging.getLogger("opensearch").addHandler(logging.NullHandler())
        address = self.address
        credentials = credentials_for(address)
        password = credentials.user, credentials.password
        token = {"Authorization": f"Bearer {credentials.token}"} if credentials.token else None
        tls: dict[str, Any] = {}
        if address.tls:
            tls = {"verify_certs": True, "ca_certs": credentials.ca and str(credentials.ca)}
        return OpenSearch(
            hosts=[{"host": address.host, "port": address.port}],
            connection_class=_quiet_connection(),
            http_auth=password if credentials.user else None,
            headers=token,
            use_ssl=address.tls,
            timeout=SECONDS,
            max_retries=retries,
            retry_on_timeout=bool(retries),
            # And not 503: a server without a manager says so when it has waited for one.
            retry_on_status=(502, 504),
            pool_maxsize=AT_ONCE,
            **tls,
        )

    @contextmanager
    def problems_named(self) -> Iterator[None]:
        """Turn what the client raises into our own error."""
        from opensearchpy.exceptions import OpenSearchException, TransportError

        try:
            yield
        except TransportError as exc:
            raise self._problem(exc) from exc
        # The client takes it for granted that an error is an object with attributes.
        except (OpenSearchException, UnicodeError, ValueError, AttributeError) as exc:
            raise self.no_answer(exc) from exc

    def no_answer(self, exc: Exception) -> ServerProblem:
        """Return our own error for an answer that can't be read, as ``exc`` says."""
        return ServerProblem(
            f"{self._server} answers with something that is no answer ({type(exc).__name__}): "
            "check that OpenSearch listens there."
        )

    @property
    def _server(self) -> str:
        return f"The server at {self.address.host}:{self.address.port}"

    def _problem(self, exc: TransportError) -> NewsgrepError:
        from opensearchpy.exceptions import ConnectionError as Unreachable
        from opensearchpy.exceptions import ConnectionTimeout, SSLError

        if isinstance(exc, SSLError):
            return ServerProblem(
                f"{self._server} can't be trusted ({shortened(_innermost(exc))}): name the file "
                f"of its authority's certificate with {CA_VARIABLE}, or write opensearch+http:// "
                "if it has none."
            )
        if isinstance(exc, ConnectionTimeout):
            return ServerProblem(
                f"{self._server} has not answered in {SECONDS} seconds: try again when it has "
                "less to do."
            )
        if isinstance(exc, Unreachable):
            return ServerProblem(
                f"{self._server} can't be reached ({shortened(_innermost(exc))}): check the "
                "address, that it runs, and whether it wants TLS (opensearch+https://); of several "
                "servers of one cluster, name another."
            )
        return ServerProblem(f"{self._server} {_said(exc)}")


def shortened(text: str) -> str:
    """Return ``text`` on one line and not too long."""
    text = " ".join(text.split())
    return text if len(text) <= _MOST_SAID else f"{text[:_MOST_SAID]}…"


def reason(error: object) -> str:
    """Return what a server says in the ``error`` of an answer."""
    if not isinstance(error, dict):
        return shortened(str(error))
    causes = error.get("root_cause") or [error]
    cause = causes[0]
    while isinstance(cause.get("caused_by"), dict):
        cause = cause["caused_by"]
    said = (cause.get("type"), cause.get("reason"))
    return shortened(": ".join(str(part) for part in said if part))


_NEXT: Final[Mapping[object, str]] = {
    401: f"does not know who asks: set {USER_VARIABLE} and {PASSWORD_VARIABLE}, and check them",
    403: "does not allow this: ask its keeper for the rights to the index, or use another user",
    404: "has not, or not any more, what was asked for: ask again",
    413: "does not take so much at once: raise its http.max_content_length, or ask for less",
    429: "has too much to do: try again later",
    503: "does not have all parts of the index at hand: see its cluster health, and try again",
}


_NO_MANAGER: Final = "cluster_manager_not_discovered_exception"
_JUST_GONE: Final = re.compile("node_(not_connected|disconnected|closed)_exception")
"""What servers say of another one in the moment of its end, as if it were a fault of theirs."""


def _may_pass(exc: TransportError) -> bool:
    """Return whether a part of an index may soon be at hand.

    A server without a manager of its cluster has waited for one before it says so.
    """
    said = str(exc.info)
    gone = _JUST_GONE.search(said) is not None
    return (exc.status_code == _UNAVAILABLE or gone) and _NO_MANAGER not in said


def _said(exc: TransportError) -> str:
    info = exc.info
    error = info.get("error") if isinstance(info, dict) else exc.error
    if "search_context_missing_exception" in str(error):
        return "has let go of the state that was asked: ask again."
    said = reason(error)
    if _NO_MANAGER in said:
        return (
            "finds no manager of its cluster, for which more than half of its servers have to "
            f"run: start them, and try again ({said})."
        )
    code = _UNAVAILABLE if _JUST_GONE.match(said) else exc.status_code
    for status, what in _NEXT.items():
        if code == status:
            return f"{what} ({said})."
    return f"refuses the request with status {exc.status_code} ({said}): see its log."


def _innermost(exc: BaseException) -> str:
    text = str(exc.args[1]) if len(exc.args) > 1 else str(exc)
    # What urllib3 says begins with the connection's own name and place in memory.
    return text.rpartition("object at 0x")[2].partition(">")[2].lstrip(": ") or text


def _quiet_connection() -> Callable[..., Any]:
    from opensearchpy import Urllib3HttpConnection

    class QuietConnection(Urllib3HttpConnection):
        """Does not warn of what servers deprecate: nobody who searches can do anything there."""

        def _raise_warnings(self, warning_headers: Any) -> None:
            pass

    return QuietConnection
