"""The address of an index on a server: one line that says where it is and how it is to be kept.

It is printed, kept in shells' histories and seen in lists of processes, so it never holds a
secret, and no complaint about it repeats what stands where a secret might.
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

from newsgrep.errors import NewsgrepError, ServerProblem, UsageError

if TYPE_CHECKING:
    from opensearchpy import OpenSearch
    from opensearchpy.exceptions import TransportError


USER_VARIABLE: Final = "NEWSGREP_OPENSEARCH_USER"
PASSWORD_VARIABLE: Final = "NEWSGREP_OPENSEARCH_PASSWORD"  # noqa: S105  (its name, and no password)

DEFAULT_PORT: Final = 9200
"""Where a server listens, if nothing else is said."""

_ADDRESS_FORM: Final = "opensearch://HOST[:PORT]/NAME"
_SCHEMES: Final = ("opensearch", "opensearch+http", "opensearch+https")
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_INDEX_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_OPTION_MINIMUM: Final = {"shards": 1, "replicas": 0, "load_replicas": 0}
_OPTION_MAXIMUM: Final = 1024


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """Where an index is, and how it is kept from the day it is made.

    ``shards`` is of how many parts each of its indexes on the server is, ``replicas`` how
    many copies of each part there are besides the first, and ``load_replicas`` how many
    while articles are loaded.
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
        """Return what all addresses of one index have in common."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}/{self.name}"


def parse_address(url: str) -> ServerAddress:
    """Return what ``opensearch://HOST[:PORT]/NAME[?shards=1&replicas=1&load_replicas=1]`` says.

    ``opensearch+https`` is with TLS and ``opensearch+http`` without; ``opensearch`` is without
    to this machine itself, and with it to every other. Without ``load_replicas`` there are as
    many while articles are loaded as afterwards. Raises :class:`UsageError` for what is no
    such address, and for one with a user or a password in it.
    """
    if "@" in url:
        raise UsageError(
            "The address of a server must not hold a user or a password, which others could see "
            f"in it: set {USER_VARIABLE} and {PASSWORD_VARIABLE} in the environment, and write "
            f"{_ADDRESS_FORM}."
        )
    if not re.fullmatch("[!-~]+", url):
        _reject_address("has a space or a character that is not of ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        _reject_address("has a host or a port that is none")
    if port == 0:
        _reject_address("has a port that is none")
    scheme, host = parts.scheme, parts.hostname or ""
    if scheme not in _SCHEMES:
        _reject_address(
            "does not begin with opensearch://, opensearch+http:// or opensearch+https://"
        )
    loopback = is_loopback(host)
    name = parts.path.removeprefix("/").removesuffix("/")
    if not name:
        _reject_address("lacks the name of the index")
    if not _INDEX_NAME.fullmatch(name):
        _reject_address(
            "has a name that an index can't have (up to 100 lower case letters, digits, _ and "
            "-, the first one a letter or digit)"
        )
    if parts.fragment or "#" in url:
        _reject_address("has a # in it")
    options = _parse_options(parts.query)
    replicas = options.get("replicas", 1)
    return ServerAddress(
        host=host,
        port=DEFAULT_PORT if port is None else port,
        tls=not loopback if scheme == "opensearch" else scheme == "opensearch+https",
        name=name,
        shards=options.get("shards", 1),
        replicas=replicas,
        load_replicas=options.get("load_replicas", replicas),
    )


def is_loopback(host: str) -> bool:
    """Return whether ``host`` is this machine itself; refuses what is no host."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        if not _HOST.fullmatch(host):
            _reject_address("has no host, or one that is none")
    return host == "localhost"


def _parse_options(query: str) -> dict[str, int]:
    options: dict[str, int] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in _OPTION_MINIMUM:
            _reject_address(
                f"has an option that there is not (there are {', '.join(_OPTION_MINIMUM)})"
            )
        if key in options:
            _reject_address(f"says {key} twice")
        number = int(value) if _NUMBER.fullmatch(value) else -1
        if not _OPTION_MINIMUM[key] <= number <= _OPTION_MAXIMUM:
            _reject_address(
                f"needs a number from {_OPTION_MINIMUM[key]} to {_OPTION_MAXIMUM} after {key}="
            )
        options[key] = number
    return options


def _reject_address(what: str) -> NoReturn:
    # From nothing: what urllib says repeats what it was given.
    raise UsageError(f"The address of the server {what}: write {_ADDRESS_FORM}.") from None


TOKEN_VARIABLE: Final = "NEWSGREP_OPENSEARCH_TOKEN"  # noqa: S105  (its name, and no token)
CA_VARIABLE: Final = "NEWSGREP_OPENSEARCH_CA"
CREDENTIALS_FILENAME: Final = "opensearch.toml"

_CREDENTIAL_KEYS: Final = frozenset({"user", "password", "token", "ca"})
_GROUP_OR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is sent to prove who asks, and the file of certificates that the server's is held to.

    Nothing of it is shown by ``repr``.
    """

    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    ca: Path | None = field(default=None, repr=False)


def load_credentials(address: ServerAddress) -> Credentials:
    """Return what the environment says, or else the configuration file under the host's name.

    Raises :class:`UsageError` for a file that others may read or that makes no sense, for a
    user without a password, for secrets that would go over a network without TLS, and for a
    file of certificates that is not there.
    """
    told = {
        "user": os.environ.get(USER_VARIABLE),
        "password": os.environ.get(PASSWORD_VARIABLE),
        "token": os.environ.get(TOKEN_VARIABLE),
    }
    found = {key: value for key, value in told.items() if value}
    where = "in the environment"
    configured = _configured_credentials(address)
    if not found:
        found = {key: value for key, value in configured.items() if key != "ca"}
        where = f"in {credentials_file()}"
    ca = os.environ.get(CA_VARIABLE) or configured.get("ca")
    if ("user" in found) != ("password" in found) or ("user" in found and "token" in found):
        raise UsageError(
            f"The credentials {where} are a user and a password, or a token alone: "
            f"{USER_VARIABLE} and {PASSWORD_VARIABLE}, or {TOKEN_VARIABLE}."
        )
    if found and not address.tls and not is_loopback(address.host):
        raise UsageError(
            f"The credentials for {address.host} would go over the network for everybody to "
            "read: write opensearch+https:// in the address."
        )
    if ca and not Path(ca).is_file():
        raise UsageError(
            f"There is no file of certificates {ca}: name one with {CA_VARIABLE}, or none."
        )
    return Credentials(**found, ca=Path(ca) if ca else None)


def credentials_file() -> Path:
    """Return where credentials may be kept, a table for each host, or host and port."""
    import platformdirs

    return platformdirs.user_config_path("newsgrep", appauthor=False) / CREDENTIALS_FILENAME


def _configured_credentials(address: ServerAddress) -> Mapping[str, str]:
    path = credentials_file()
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & _GROUP_OR_OTHERS or status.st_uid not in {os.geteuid(), 0}:
                raise UsageError(
                    f"Others may read the credentials in {path}: chmod 600 it, and change the "
                    "password if they did."
                )
            told = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        # Not what the parser says: it may quote what stands there.
        raise UsageError(
            f"The file {path} can't be read as TOML: write a table for each host, such as "
            '["news.example"] with user = "…" and password = "…".'
        ) from (exc if isinstance(exc, OSError) else None)
    for host in (f"{address.host}:{address.port}", address.host):
        if host in told:
            return _host_table(told[host], path, host)
    return {}


def _host_table(table: object, path: Path, host: str) -> Mapping[str, str]:
    if (
        not isinstance(table, dict)
        or table.keys() - _CREDENTIAL_KEYS
        or not all(isinstance(value, str) for value in table.values())
    ):
        raise UsageError(
            f'The table ["{host}"] in {path} has something else than texts called '
            f"{', '.join(sorted(_CREDENTIAL_KEYS))}: take it out."
        )
    return table


Response = dict[str, Any]

TIMEOUT_SECONDS: Final = 60
"""How long an answer may take."""

MAX_CONNECTIONS: Final = 8
"""Connections that are kept open."""

_MAX_RETRIES: Final = 3
_RETRY_DELAYS: Final = (0.1, 0.4, 1.0)
"""Seconds before each time that a part of an index is asked for again.

One that was made a moment ago is no machine's at first, and so looks like one that is lost.
"""
_UNAVAILABLE: Final = 503
# In the path, for the client takes a parameter called timeout for its own.
_SHARDS_READY: Final = "wait_for_no_initializing_shards=true&timeout=5s"
_MAX_REASON_LENGTH: Final = 300
"""Characters of what a server says in an error."""


class Client:
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
    ) -> Response:
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
            self._client = self._new_client(retries=_MAX_RETRIES)
        perform = self._client.transport.perform_request
        for pause in _RETRY_DELAYS:
            try:
                return perform(method, path, params=params, body=body, ignore=ignored)
            except TransportError as exc:
                if not _is_transient(exc):
                    raise
            time.sleep(pause)
            perform("GET", f"/_cluster/health/{self.address.name}.*?{_SHARDS_READY}", ignore=(408,))
        return perform(method, path, params=params, body=body, ignore=ignored)

    def ask_lines(self, path: str, lines: list[object]) -> Response:
        """Return the answer to several questions in one request."""
        from newsgrep._io import to_json

        return self.ask("POST", path, "".join(f"{to_json(line)}\n" for line in lines))

    @property
    def writer(self) -> OpenSearch:
        """The client to write with: it sends nothing twice by itself.

        A request that came to no end may still be at work, and overtake what is sent after it.
        """
        if self._writer is None:
            self._writer = self._new_client(retries=0)
        return self._writer

    def refuse(self, answer: Response) -> NoReturn:
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
            # And not 503: a server without a manager says so when it has waited for one.
            retry_on_status=(502, 504),
            pool_maxsize=MAX_CONNECTIONS,
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
                f"{self._server} can't be trusted ({shorten(_innermost_message(exc))}): name "
                f"the file of its authority's certificate with {CA_VARIABLE}, or write "
                "opensearch+http:// if it has none."
            )
        if isinstance(exc, ConnectionTimeout):
            return ServerProblem(
                f"{self._server} did not answer in {TIMEOUT_SECONDS} seconds: try again when it "
                "has less to do."
            )
        if isinstance(exc, Unreachable):
            return ServerProblem(
                f"{self._server} can't be reached ({shorten(_innermost_message(exc))}): check the "
                "address, that it runs, and whether it wants TLS (opensearch+https://); of several "
                "servers of one cluster, name another."
            )
        return ServerProblem(f"{self._server} {_describe_error(exc)}")


def shorten(text: str) -> str:
    """Return ``text`` on one line and not too long."""
    text = " ".join(text.split())
    return text if len(text) <= _MAX_REASON_LENGTH else f"{text[:_MAX_REASON_LENGTH]}…"


def error_reason(error: object) -> str:
    """Return what a server says in the ``error`` of an answer."""
    if not isinstance(error, dict):
        return shorten(str(error))
    causes = error.get("root_cause") or [error]
    cause = causes[0]
    while isinstance(cause.get("caused_by"), dict):
        cause = cause["caused_by"]
    said = (cause.get("type"), cause.get("reason"))
    return shorten(": ".join(str(part) for part in said if part))


_STATUS_MESSAGES: Final[Mapping[object, str]] = {
    401: f"does not know who asks: set {USER_VARIABLE} and {PASSWORD_VARIABLE}, and check them",
    403: "does not allow this: ask its keeper for the rights to the index, or use another user",
    404: "has not, or not any more, what was asked for: ask again",
    413: "does not take so much at once: raise its http.max_content_length, or ask for less",
    429: "has too much to do: try again later",
    503: "does not have all parts of the index at hand: see its cluster health, and try again",
}


_NO_MANAGER: Final = "cluster_manager_not_discovered_exception"
_NODE_GONE: Final = re.compile("node_(not_connected|disconnected|closed)_exception")
"""What servers say of another one in the moment of its end, as if it were a fault of theirs."""


def _is_transient(exc: TransportError) -> bool:
    """Return whether a part of an index may soon be at hand.

    A server without a manager of its cluster has waited for one before it says so.
    """
    said = str(exc.info)
    gone = _NODE_GONE.search(said) is not None
    return (exc.status_code == _UNAVAILABLE or gone) and _NO_MANAGER not in said


def _describe_error(exc: TransportError) -> str:
    info = exc.info
    error = info.get("error") if isinstance(info, dict) else exc.error
    if "search_context_missing_exception" in str(error):
        return "has let go of the state that was asked: ask again."
    said = error_reason(error)
    if _NO_MANAGER in said:
        return (
            "finds no manager of its cluster, for which more than half of its servers have to "
            f"run: start them, and try again ({said})."
        )
    code = _UNAVAILABLE if _NODE_GONE.match(said) else exc.status_code
    for status, what in _STATUS_MESSAGES.items():
        if code == status:
            return f"{what} ({said})."
    return f"refuses the request with status {exc.status_code} ({said}): see its log."


def _innermost_message(exc: BaseException) -> str:
    text = str(exc.args[1]) if len(exc.args) > 1 else str(exc)
    # What urllib3 says begins with the connection's own name and place in memory.
    return text.rpartition("object at 0x")[2].partition(">")[2].lstrip(": ") or text


def _quiet_connection_class() -> Callable[..., Any]:
    from opensearchpy import Urllib3HttpConnection

    class QuietConnection(Urllib3HttpConnection):
        """Does not warn of what servers deprecate: nobody who searches can do anything there."""

        def _raise_warnings(self, warning_headers: Any) -> None:
            pass

    return QuietConnection
