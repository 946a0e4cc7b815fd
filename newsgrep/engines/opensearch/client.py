"""The client for an OpenSearch server: its address, credentials, requests and errors.

An address says where an index is and how many shards and replicas it has. It is printed, kept
in shell histories and visible in process lists. So it never contains a secret, and no error
about an address repeats a part that may be a secret.

Secrets come from the environment, or from a file that only its owner can read, and are sent
in request headers only. What the client library raises becomes :class:`ServerProblem` here
and nowhere else; the library neither logs nor warns.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import parse_qsl, urlsplit

from newsgrep.errors import ServerProblem, UsageError

if TYPE_CHECKING:
    from opensearchpy import OpenSearch
    from opensearchpy.exceptions import TransportError

USER_VARIABLE: Final = "NEWSGREP_OPENSEARCH_USER"
PASSWORD_VARIABLE: Final = "NEWSGREP_OPENSEARCH_PASSWORD"  # noqa: S105  (a name, not a password)
TOKEN_VARIABLE: Final = "NEWSGREP_OPENSEARCH_TOKEN"  # noqa: S105  (a name, not a token)
CA_VARIABLE: Final = "NEWSGREP_OPENSEARCH_CA"
CREDENTIALS_FILENAME: Final = "opensearch.toml"

DEFAULT_PORT: Final = 9200

TIMEOUT_SECONDS: Final = 60
"""Time to wait for a response."""

MAX_CONNECTIONS: Final = 8
"""Connections that are kept open."""

Response = dict[str, Any]

_ADDRESS_FORM: Final = "opensearch://HOST[:PORT]/NAME"
_SCHEMES: Final = ("opensearch", "opensearch+http", "opensearch+https")
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_INDEX_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_OPTION_MINIMUM: Final = {"shards": 1, "replicas": 0, "load_replicas": 0}
_OPTION_MAXIMUM: Final = 1024

_CREDENTIAL_KEYS: Final = frozenset({"user", "password", "token", "ca"})
_GROUP_OR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO

_MAX_RETRIES: Final = 3
_RETRY_DELAYS: Final = (0.1, 0.4, 1.0)
"""Seconds before each retry for a shard that is not available.

A new shard is not allocated at first, and then looks like a lost one.
"""
_UNAVAILABLE: Final = 503
# In the path, since the client library takes a ``timeout`` parameter for its own.
_SHARDS_READY: Final = "wait_for_no_initializing_shards=true&timeout=5s"
_MAX_REASON_LENGTH: Final = 300
"""Characters of a server's error message that are repeated."""


@dataclass(frozen=True, slots=True)
class OpenSearchAddress:
    """Where an index is, and how it is created.

    Each of the index's indices on the server has ``shards`` shards, each with ``replicas``
    copies besides the primary one, or ``load_replicas`` while articles are loaded.
    """

    host: str
    port: int
    tls: bool
    name: str
    shards: int = 1
    replicas: int = 1
    load_replicas: int = 1

    @property
    def canonical(self) -> str:
        """Host, port and name, which are the same for all addresses of one index."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.name}"


def parse_address(url: str) -> OpenSearchAddress:
    """Parse ``opensearch://HOST[:PORT]/NAME[?shards=1&replicas=1&load_replicas=1]``.

    ``opensearch+https`` uses TLS and ``opensearch+http`` does not; ``opensearch`` uses it
    except for the local machine. ``load_replicas`` defaults to ``replicas``. Raises
    :class:`UsageError` for any other form, and for a user or password in the address.

    >>> parse_address("opensearch://search.example/news?replicas=2").canonical
    'search.example:9200/news'
    """
    if "@" in url:
        raise UsageError(
            "A server address must not contain a user or a password, because others can see it. "
            f"Set {USER_VARIABLE} and {PASSWORD_VARIABLE} in the environment, and write "
            f"{_ADDRESS_FORM}."
        )
    if not re.fullmatch("[!-~]+", url):
        _reject_address("it contains a space or a character that is not ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        _reject_address("the host or port is invalid")
    if port == 0:
        _reject_address("the port is invalid")
    scheme, host = parts.scheme, parts.hostname or ""
    if scheme not in _SCHEMES:
        _reject_address(
            "it must begin with opensearch://, opensearch+http:// or opensearch+https://"
        )
    loopback = is_loopback(host)
    name = parts.path.removeprefix("/").removesuffix("/")
    if not name:
        _reject_address("the index name is missing")
    if not _INDEX_NAME.fullmatch(name):
        _reject_address(
            "the index name must be at most 100 lower case letters, digits, _ and -, and begin "
            "with a letter or digit"
        )
    if parts.fragment or "#" in url:
        _reject_address("it contains a #")
    options = _parse_options(parts.query)
    replicas = options.get("replicas", 1)
    return OpenSearchAddress(
        host=host,
        port=DEFAULT_PORT if port is None else port,
        tls=not loopback if scheme == "opensearch" else scheme == "opensearch+https",
        name=name,
        shards=options.get("shards", 1),
        replicas=replicas,
        load_replicas=options.get("load_replicas", replicas),
    )


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is the local machine; raises :class:`UsageError` if it is invalid."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        if not _HOST.fullmatch(host):
            _reject_address("the host is missing or invalid")
    return host == "localhost"


def _parse_options(query: str) -> dict[str, int]:
    options: dict[str, int] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in _OPTION_MINIMUM:
            _reject_address(f"the only options are {', '.join(_OPTION_MINIMUM)}")
        if key in options:
            _reject_address(f"{key} is given twice")
        number = int(value) if _NUMBER.fullmatch(value) else -1
        if not _OPTION_MINIMUM[key] <= number <= _OPTION_MAXIMUM:
            _reject_address(
                f"{key} must be a number from {_OPTION_MINIMUM[key]} to {_OPTION_MAXIMUM}"
            )
        options[key] = number
    return options


def _reject_address(problem: str) -> NoReturn:
    # Without a cause: urllib's messages repeat parts of the address.
    raise UsageError(f"Invalid server address: {problem}. Write {_ADDRESS_FORM}.") from None


@dataclass(frozen=True, slots=True)
class Credentials:
    """User and password, or a token, and the file of trusted CA certificates.

    ``repr`` shows none of it.
    """

    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    ca: Path | None = field(default=None, repr=False)


def load_credentials(address: OpenSearchAddress) -> Credentials:
    """Return the credentials in the environment, or else those in the file for the host.

    Raises :class:`UsageError` if the file is readable by others or invalid, if a user has no
    password, if secrets would be sent over a network without TLS, or if the CA file is missing.
    """
    environment = {
        "user": os.environ.get(USER_VARIABLE),
        "password": os.environ.get(PASSWORD_VARIABLE),
        "token": os.environ.get(TOKEN_VARIABLE),
    }
    found = {key: value for key, value in environment.items() if value}
    where = "in the environment"
    configured = _configured_credentials(address)
    if not found:
        found = {key: value for key, value in configured.items() if key != "ca"}
        where = f"in {credentials_file()}"
    ca = os.environ.get(CA_VARIABLE) or configured.get("ca")
    if ("user" in found) != ("password" in found) or ("user" in found and "token" in found):
        raise UsageError(
            f"The credentials {where} must be a user and a password, or a token alone. Set "
            f"{USER_VARIABLE} and {PASSWORD_VARIABLE}, or {TOKEN_VARIABLE}."
        )
    if found and not address.tls and not is_loopback(address.host):
        raise UsageError(
            f"The credentials for {address.host} would be sent over the network unencrypted. "
            "Use opensearch+https:// in the address."
        )
    if ca and not Path(ca).is_file():
        raise UsageError(
            f"The CA certificate file {ca} does not exist. Set {CA_VARIABLE} to a file, or "
            "leave it empty."
        )
    return Credentials(**found, ca=Path(ca) if ca else None)


def credentials_file() -> Path:
    """Return the path of the credentials file, with a table for each host or host:port."""
    import platformdirs

    return platformdirs.user_config_path("newsgrep", appauthor=False) / CREDENTIALS_FILENAME


def _configured_credentials(address: OpenSearchAddress) -> Mapping[str, str]:
    path = credentials_file()
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & _GROUP_OR_OTHERS or status.st_uid not in {os.geteuid(), 0}:
                raise UsageError(
                    f"Other users can access the credentials in {path}. Run: chmod 600 {path} "
                    "and change the password if someone may have read it."
                )
            tables = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        # Without the parser's message, which may quote a secret.
        raise UsageError(
            f"The file {path} is not valid TOML. Write a table for each host, such as "
            '["news.example"] with user = "…" and password = "…".'
        ) from (exc if isinstance(exc, OSError) else None)
    for host in (f"{address.host}:{address.port}", address.host):
        if host in tables:
            return _host_table(tables[host], path, host)
    return {}


def _host_table(table: object, path: Path, host: str) -> Mapping[str, str]:
    if (
        not isinstance(table, dict)
        or table.keys() - _CREDENTIAL_KEYS
        or not all(isinstance(value, str) for value in table.values())
    ):
        raise UsageError(
            f'The table ["{host}"] in {path} may contain only the strings '
            f"{', '.join(sorted(_CREDENTIAL_KEYS))}. Remove everything else."
        )
    return table


class Client:
    """A server; nothing is sent to it before the first request."""

    def __init__(self, address: OpenSearchAddress) -> None:
        self.address = address
        self._retrying: OpenSearch | None = None
        self._bulk: OpenSearch | None = None

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        params: Mapping[str, str] | None = None,
        ignored: tuple[int, ...] = (),
    ) -> Response:
        """Send a request that may be repeated without harm, and return the response.

        It is repeated if the connection breaks or times out. A response with a status among
        ``ignored`` is returned as well, with an ``error`` in it. Raises :class:`ServerProblem`.
        """
        with self.translate_errors():
            response = self._request(method, path, body, dict(params or {}), ignored)
        return response if isinstance(response, dict) else {}

    def _request(
        self,
        method: str,
        path: str,
        body: object,
        params: dict[str, str],
        ignored: tuple[int, ...],
    ) -> object:
        """Send a request, and repeat it while a shard is being allocated.

        A new year's index has joined the alias a moment before its shards are available. A
        shard without a machine is not waited for any longer.
        """
        from opensearchpy.exceptions import TransportError

        if self._retrying is None:
            self._retrying = self._new_client(retries=_MAX_RETRIES)
        perform = self._retrying.transport.perform_request
        for delay in _RETRY_DELAYS:
            try:
                return perform(method, path, params=params, body=body, ignore=ignored)
            except TransportError as exc:
                if not _is_transient(exc):
                    raise
            time.sleep(delay)
            health = f"/_cluster/health/{self.address.name}.*?{_SHARDS_READY}"
            perform("GET", health, ignore=(408,))
        return perform(method, path, params=params, body=body, ignore=ignored)

    def request_lines(self, path: str, lines: list[object]) -> Response:
        """Send several JSON values, one a line, and return the response."""
        from newsgrep._io import encode_json

        return self.request("POST", path, "".join(f"{encode_json(line)}\n" for line in lines))

    @property
    def bulk_client(self) -> OpenSearch:
        """The client for writing, which repeats no request by itself.

        A request without a response may still be running, and overtake the next one.
        """
        if self._bulk is None:
            self._bulk = self._new_client(retries=0)
        return self._bulk

    def raise_error(self, response: Response) -> NoReturn:
        """Raise the error in one of several responses."""
        from opensearchpy.exceptions import TransportError

        status, error = response["status"], response["error"]
        raise self._server_problem(TransportError(status, str(error.get("type")), response))

    def close(self) -> None:
        """Close all connections; the next request opens new ones."""
        for client in (self._retrying, self._bulk):
            if client is not None:
                client.close()
        self._retrying = self._bulk = None

    def _new_client(self, retries: int) -> OpenSearch:
        from opensearchpy import OpenSearch

        logging.getLogger("opensearch").addHandler(logging.NullHandler())
        address = self.address
        credentials = load_credentials(address)
        password = credentials.user, credentials.password
        token = {"Authorization": f"Bearer {credentials.token}"} if credentials.token else None
        tls: dict[str, Any] = {}
        if address.tls:
            tls = {"verify_certs": True, "ca_certs": credentials.ca and str(credentials.ca)}
        return OpenSearch(
            hosts=[{"host": address.host, "port": address.port}],
            connection_class=_quiet_connection_class(),
            http_auth=password if credentials.user else None,
            headers=token,
            use_ssl=address.tls,
            timeout=TIMEOUT_SECONDS,
            max_retries=retries,
            retry_on_timeout=bool(retries),
            # Not 503: a server without a cluster manager returns it after waiting for one.
            retry_on_status=(502, 504),
            pool_maxsize=MAX_CONNECTIONS,
            **tls,
        )

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Raise :class:`ServerProblem` for what the client library raises."""
        from opensearchpy.exceptions import OpenSearchException, TransportError

        try:
            yield
        except TransportError as exc:
            raise self._server_problem(exc) from exc
        # The library assumes that the error in a response is an object with attributes.
        except (OpenSearchException, UnicodeError, ValueError, AttributeError) as exc:
            raise self.invalid_response(exc) from exc

    def invalid_response(self, exc: Exception) -> ServerProblem:
        """Return the error for a response that can't be read, of which ``exc`` is the cause."""
        return ServerProblem(
            f"{self._server} returned an invalid response ({type(exc).__name__}). Check that "
            "it is an OpenSearch server."
        )

    @property
    def _server(self) -> str:
        return f"The server at {self.address.host}:{self.address.port}"

    def _server_problem(self, exc: TransportError) -> ServerProblem:
        from opensearchpy.exceptions import ConnectionError as Unreachable
        from opensearchpy.exceptions import ConnectionTimeout, SSLError

        if isinstance(exc, SSLError):
            return ServerProblem(
                f"{self._server} can't be trusted ({shorten(_innermost_message(exc))}). Set "
                f"{CA_VARIABLE} to the file of its CA certificate, or use opensearch+http:// if "
                "it has no TLS."
            )
        if isinstance(exc, ConnectionTimeout):
            return ServerProblem(
                f"{self._server} has not responded within {TIMEOUT_SECONDS} seconds. Try again "
                "when it is less busy."
            )
        if isinstance(exc, Unreachable):
            return ServerProblem(
                f"{self._server} can't be reached ({shorten(_innermost_message(exc))}). Check the "
                "address, that the server runs, and whether it uses TLS (opensearch+https://). "
                "If it is one of a cluster, name another server of it."
            )
        return ServerProblem(f"{self._server} {_describe_error(exc)}")


def shorten(text: str) -> str:
    """Return ``text`` on one line, cut off after 300 characters."""
    text = " ".join(text.split())
    return text if len(text) <= _MAX_REASON_LENGTH else f"{text[:_MAX_REASON_LENGTH]}…"


def error_reason(error: object) -> str:
    """Return the innermost reason in the ``error`` of a response."""
    if not isinstance(error, dict):
        return shorten(str(error))
    causes = error.get("root_cause") or [error]
    cause = causes[0]
    while isinstance(cause.get("caused_by"), dict):
        cause = cause["caused_by"]
    parts = (cause.get("type"), cause.get("reason"))
    return shorten(": ".join(str(part) for part in parts if part))


_STATUS_MESSAGES: Final[Mapping[object, tuple[str, str]]] = {
    401: (
        "does not accept the credentials",
        f"Set {USER_VARIABLE} and {PASSWORD_VARIABLE}, and check them.",
    ),
    403: ("denies access", "Ask its administrator for access to the index, or use another user."),
    404: ("no longer has what was requested", "Try again."),
    413: (
        "rejects the request as too large",
        "Raise its http.max_content_length, or request less.",
    ),
    429: ("is overloaded", "Try again later."),
    503: ("has shards that are not available", "Check its cluster health, and try again."),
}
"""What a status means, and what to do."""

_NO_MANAGER: Final = "cluster_manager_not_discovered_exception"
_NODE_GONE: Final = re.compile("node_(not_connected|disconnected|closed)_exception")
"""What servers report, with a misleading status, at the moment when another one disappears."""


def _is_transient(exc: TransportError) -> bool:
    """Return whether a shard may soon be available.

    A server without a cluster manager has already waited for one.
    """
    info = str(exc.info)
    is_gone = _NODE_GONE.search(info) is not None
    return (exc.status_code == _UNAVAILABLE or is_gone) and _NO_MANAGER not in info


def _describe_error(exc: TransportError) -> str:
    info = exc.info
    error = info.get("error") if isinstance(info, dict) else exc.error
    if "search_context_missing_exception" in str(error):
        return "has discarded the point in time of this search. Try again."
    reason = error_reason(error)
    if _NO_MANAGER in reason:
        return (
            f"finds no cluster manager ({reason}). Start more than half of the cluster's "
            "servers, and try again."
        )
    status = _UNAVAILABLE if _NODE_GONE.match(reason) else exc.status_code
    if status in _STATUS_MESSAGES:
        problem, remedy = _STATUS_MESSAGES[status]
        return f"{problem} ({reason}). {remedy}"
    return f"rejects the request with status {status} ({reason}). See its log."


def _innermost_message(exc: BaseException) -> str:
    text = str(exc.args[1]) if len(exc.args) > 1 else str(exc)
    # urllib3's messages begin with the connection's class name and memory address.
    return text.rpartition("object at 0x")[2].partition(">")[2].lstrip(": ") or text


def _quiet_connection_class() -> Callable[..., Any]:
    from opensearchpy import Urllib3HttpConnection

    class QuietConnection(Urllib3HttpConnection):
        """Does not warn about deprecations on the server, which a searcher can't change."""

        def _raise_warnings(self, warning_headers: Any) -> None:
            pass

    return QuietConnection
