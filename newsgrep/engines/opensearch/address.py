"""The address of an index on an OpenSearch server, and the credentials for the server.

An address says where an index is and how many shards and replicas it has. It is printed, kept
in shell histories and visible in process lists. So it never contains a secret, and no error
about an address repeats a part that may be a secret.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import parse_qsl, urlsplit

from newsgrep.errors import UsageError
from newsgrep.messages import message, system_reason

DEFAULT_PORT: Final = 9200

USER_VARIABLE: Final = "NEWSGREP_OPENSEARCH_USER"
PASSWORD_VARIABLE: Final = "NEWSGREP_OPENSEARCH_PASSWORD"  # noqa: S105  (a name, not a password)

_ADDRESS_FORM: Final = "opensearch://HOST[:PORT]/NAME"
_SCHEMES: Final = ("opensearch", "opensearch+http", "opensearch+https")
_HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?")
_INDEX_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_OPTION_MINIMUM: Final = {"shards": 1, "replicas": 0, "load_replicas": 0}
_OPTION_MAXIMUM: Final = 1024


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
            "Set {user_variable} and {password_variable} in the environment, and write "
            "{address_form}.",
            user_variable=USER_VARIABLE,
            password_variable=PASSWORD_VARIABLE,
            address_form=_ADDRESS_FORM,
        )
    if not re.fullmatch("[!-~]+", url):
        _reject_address(message("it contains a space or a character that is not ASCII"))
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        _reject_address(message("the host or port is invalid"))
    if port == 0:
        _reject_address(message("the port is invalid"))
    scheme, host = parts.scheme, parts.hostname or ""
    if scheme not in _SCHEMES:
        _reject_address(
            message("it must begin with opensearch://, opensearch+http:// or opensearch+https://")
        )
    loopback = is_loopback(host)
    name = parts.path.removeprefix("/").removesuffix("/")
    if not name:
        _reject_address(message("the index name is missing"))
    if not _INDEX_NAME.fullmatch(name):
        _reject_address(
            message(
                "the index name must be at most 100 lower case letters, digits, _ and -, and begin "
                "with a letter or digit"
            )
        )
    if parts.fragment or "#" in url:
        _reject_address(message("it contains a #"))
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
            _reject_address(message("the host is missing or invalid"))
    return host == "localhost"


def _parse_options(query: str) -> dict[str, int]:
    options: dict[str, int] = {}
    for key, value in parse_qsl(query, keep_blank_values=True):
        if key not in _OPTION_MINIMUM:
            _reject_address(
                message(
                    "the only options are {option_minimum}",
                    option_minimum=", ".join(_OPTION_MINIMUM),
                )
            )
        if key in options:
            _reject_address(message("{key} is given twice", key=key))
        number = int(value) if _NUMBER.fullmatch(value) else -1
        if not _OPTION_MINIMUM[key] <= number <= _OPTION_MAXIMUM:
            _reject_address(
                message(
                    "{key} must be a number from {option_minimum} to {option_maximum}",
                    key=key,
                    option_minimum=_OPTION_MINIMUM[key],
                    option_maximum=_OPTION_MAXIMUM,
                )
            )
        options[key] = number
    return options


def _reject_address(problem: str) -> NoReturn:
    # Without a cause: urllib's messages repeat parts of the address.
    raise UsageError(
        "Invalid server address: {problem}. Write {address_form}.",
        problem=problem,
        address_form=_ADDRESS_FORM,
    ) from None


# Credentials


TOKEN_VARIABLE: Final = "NEWSGREP_OPENSEARCH_TOKEN"  # noqa: S105  (a name, not a token)
CA_VARIABLE: Final = "NEWSGREP_OPENSEARCH_CA"
CREDENTIALS_FILENAME: Final = "opensearch.toml"

_CREDENTIAL_KEYS: Final = frozenset({"user", "password", "token", "ca"})
_GROUP_OR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


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
    where = message("in the environment")
    configured = _configured_credentials(address)
    if not found:
        found = {key: value for key, value in configured.items() if key != "ca"}
        where = message("in {credentials_file}", credentials_file=credentials_file())
    ca = os.environ.get(CA_VARIABLE) or configured.get("ca")
    if ("user" in found) != ("password" in found) or ("user" in found and "token" in found):
        raise UsageError(
            "The credentials {where} must be a user and a password, or a token alone. Set "
            "{user_variable} and {password_variable}, or {token_variable}.",
            where=where,
            user_variable=USER_VARIABLE,
            password_variable=PASSWORD_VARIABLE,
            token_variable=TOKEN_VARIABLE,
        )
    if not re.fullmatch(r"[!-~]*", found.get("token", "")):
        raise UsageError(
            "The token {where} contains a space or a character that is not ASCII.", where=where
        )
    if found and not address.tls and not is_loopback(address.host):
        raise UsageError(
            "The credentials for {host} would be sent over the network unencrypted. "
            "Use opensearch+https:// in the address.",
            host=address.host,
        )
    if ca and not Path(ca).is_file():
        raise UsageError(
            "The CA certificate file {ca} does not exist. Set {ca_variable} to a file, or "
            "leave it empty.",
            ca=ca,
            ca_variable=CA_VARIABLE,
        )
    return Credentials(**found, ca=Path(ca) if ca else None)


def credentials_file() -> Path:
    """Return the path of the credentials file, with a table for each host or host:port."""
    import platformdirs

    return platformdirs.user_config_path("newsgrep", appauthor=False) / CREDENTIALS_FILENAME


def _is_accessible_to_others(status: os.stat_result) -> bool:
    """Return whether the mode says so; on Windows the user's folder has its own permissions."""
    if not hasattr(os, "geteuid"):
        return False
    return bool(status.st_mode & _GROUP_OR_OTHERS) or status.st_uid not in {os.geteuid(), 0}


def _configured_credentials(address: OpenSearchAddress) -> Mapping[str, str]:
    path = credentials_file()
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if _is_accessible_to_others(status):
                raise UsageError(
                    "Other users can access the credentials in {path}. Run: chmod 600 {path} "
                    "and change the password if someone may have read it.",
                    path=path,
                )
            tables = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as exc:
        raise UsageError(
            "The credentials in {path} can't be read ({reason}). Make it a file that you "
            "can read, or delete it.",
            path=path,
            reason=system_reason(exc),
        ) from exc
    except (ValueError, RecursionError):
        # Without the parser's message, which may quote a secret.
        raise UsageError(
            "The file {path} is not valid TOML. Write a table for each host, such as "
            '["news.example"] with user = "…" and password = "…".',
            path=path,
        ) from None
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
            'The table ["{host}"] in {path} may contain only the strings '
            "{credential_keys}. Remove everything else.",
            host=host,
            path=path,
            credential_keys=", ".join(sorted(_CREDENTIAL_KEYS)),
        )
    return table
