"""The connection of ``newsgrep mcp``: the tools as a server of the Model Context Protocol."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from functools import wraps
from typing import Any, NoReturn, TypeVar, cast

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

from newsgrep import __version__
from newsgrep.api.archive import Archive
from newsgrep.errors import NewsgrepError
from newsgrep.mcp.tools import INSTRUCTIONS, Tools

_Tool = TypeVar("_Tool", bound=Callable[..., Any])

_READS_ONLY = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)


def make_server(archive: Archive, name: str = "newsgrep") -> MCPServer:
    """Return a server with all tools over ``archive``; nothing is started."""
    server = MCPServer(
        name,
        title="newsgrep",
        instructions=INSTRUCTIONS,
        version=__version__,
        log_level="ERROR",
    )
    for tool in Tools(archive).all():
        server.add_tool(
            _with_readable_errors(tool),
            title=tool.__name__.replace("_", " ").capitalize(),
            annotations=_READS_ONLY,
        )
    return server


def _with_readable_errors(tool: _Tool) -> _Tool:
    """Return ``tool`` with errors of newsgrep as errors that the assistant reads."""

    @wraps(tool)
    def call(*args: Any, **values: Any) -> Any:
        try:
            return tool(*args, **values)
        except NewsgrepError as exc:
            raise ToolError(str(exc)) from exc

    return cast("_Tool", call)


def run(archive: Archive) -> None:
    """Answer on standard input and output until the client closes them, or a signal ends it."""

    def stop(*_: object) -> NoReturn:
        # A thread waits for input, which nothing can interrupt.
        archive.close()
        os._exit(0)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    make_server(archive).run("stdio")
