"""The credentials for a server.

They come from the environment, or from a file that only its owner can read, and are sent in
request headers only. No message repeats them.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from newsgrep.engines.opensearch.address import (
    PASSWORD_VARIABLE,
    USER_VARIABLE,
    OpenSearchAddress,
    is_loopback,
)
from newsgrep.errors import UsageError
from newsgrep.messages import message, system_reason

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


def _configured_credentials(address: OpenSearchAddress) -> Mapping[str, str]:
    path = credentials_file()
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & _GROUP_OR_OTHERS or status.st_uid not in {os.geteuid(), 0}:
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
