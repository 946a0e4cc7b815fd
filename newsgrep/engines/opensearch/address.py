"""The address of an index on a server: one line that says where it is and how it is to be kept.

It is printed, kept in shells' histories and seen in lists of processes, so it never holds a
secret, and no complaint about it repeats what stands where a secret might.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, NoReturn
from urllib.parse import parse_qsl, urlsplit

from newsgrep.errors import UsageError

USER_VARIABLE: Final = "NEWSGREP_OPENSEARCH_USER"
PASSWORD_VARIABLE: Final = "NEWSGREP_OPENSEARCH_PASSWORD"  # noqa: S105  (its name, and no password)

PORT: Final = 9200
"""Where a server listens, if nothing else is said."""

_FORM: Final = "opensearch://HOST[:PORT]/NAME"
_SCHEMES: Final = ("opensearch", "opensearch+http", "opensearch+https")
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_LEAST: Final = {"shards": 1, "replicas": 0, "load_replicas": 0}
_MOST: Final = 1024


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
            f"{_FORM}."
        )
    if not re.fullmatch("[!-~]+", url):
        _refuse("has a space or a character that is not of ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        _refuse("has a host or a port that is none")
    if port == 0:
        _refuse("has a port that is none")
    scheme, host = parts.scheme, parts.hostname or ""
    if scheme not in _SCHEMES:
        _refuse("does not begin with opensearch://, opensearch+http:// or opensearch+https://")
    loopback = is_loopback(host)
    name = parts.path.removeprefix("/").removesuffix("/")
    if not name:
        _refuse("lacks the name of the index")
    if not _NAME.fullmatch(name):
        _refuse(
            "has a name that an index can't have (up to 100 lower case letters, digits, _ and "
            "-, the first one a letter or digit)"
        )
    if parts.fragment or "#" in url:
        _refuse("has a # in it")
    options = _options(parts.query)
    replicas = options.get("replicas", 1)
    return ServerAddress(
        host=host,
        port=PORT if port is None else port,
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
            _refuse("has no host, or one that is none")
    return host == "localhost"


def _options(query: str) -> dict[str, int]:
    options: dict[str, int] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in _LEAST:
            _refuse(f"has an option that there is not (there are {', '.join(_LEAST)})")
        if key in options:
            _refuse(f"says {key} twice")
        number = int(value) if _NUMBER.fullmatch(value) else -1
        if not _LEAST[key] <= number <= _MOST:
            _refuse(f"needs a number from {_LEAST[key]} to {_MOST} after {key}=")
        options[key] = number
    return options


def _refuse(what: str) -> NoReturn:
    # From nothing: what urllib says repeats what it was given.
    raise UsageError(f"The address of the server {what}: write {_FORM}.") from None
