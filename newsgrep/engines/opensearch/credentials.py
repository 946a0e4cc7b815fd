"""Who asks a server, and whose word is taken that it is the right one.

Secrets come from the environment or from a file that nobody else may read, and go into the
headers of requests only.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from newsgrep.engines.opensearch.address import (
    PASSWORD_VARIABLE,
    USER_VARIABLE,
    ServerAddress,
    is_loopback,
)
from newsgrep.errors import UsageError

TOKEN_VARIABLE: Final = "NEWSGREP_OPENSEARCH_TOKEN"  # noqa: S105  (its name, and no token)
CA_VARIABLE: Final = "NEWSGREP_OPENSEARCH_CA"
CONFIGURATION: Final = "opensearch.toml"

_KEYS: Final = frozenset({"user", "password", "token", "ca"})
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is sent to prove who asks, and the file of certificates that the server's is held to.

    Nothing of it is shown by ``repr``.
    """

    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    ca: Path | None = field(default=None, repr=False)


def credentials_for(address: ServerAddress) -> Credentials:
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
    configured = _configured(address)
    if not found:
        found = {key: value for key, value in configured.items() if key != "ca"}
        where = f"in {configuration_file()}"
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


def configuration_file() -> Path:
    """Return where credentials may be kept, a table for each host, or host and port."""
    import platformdirs

    return platformdirs.user_config_path("newsgrep", appauthor=False) / CONFIGURATION


def _configured(address: ServerAddress) -> Mapping[str, str]:
    path = configuration_file()
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_mode & _OTHERS or status.st_uid not in {os.geteuid(), 0}:
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
            return _table(told[host], path, host)
    return {}


def _table(table: object, path: Path, host: str) -> Mapping[str, str]:
    if (
        not isinstance(table, dict)
        or table.keys() - _KEYS
        or not all(isinstance(value, str) for value in table.values())
    ):
        raise UsageError(
            f'The table ["{host}"] in {path} has something else than texts called '
            f"{', '.join(sorted(_KEYS))}: take it out."
        )
    return table
