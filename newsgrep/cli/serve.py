"""``newsgrep serve`` and ``newsgrep mcp``: the archive for browsers, programs and assistants."""

from __future__ import annotations

import os
import sys
import webbrowser
from pathlib import Path
from typing import Final

import click

from newsgrep.cli.main import Command
from newsgrep.cli.options import IndexOptions, indexes_option, pass_options
from newsgrep.cli.output import print_message
from newsgrep.errors import UsageError
from newsgrep.messages import _
from newsgrep.terminal import write_flushed

_MAX_WORKERS: Final = 64
_MOST_BY_DEFAULT: Final = 4


class ServeOptions(IndexOptions):
    """The options of ``newsgrep serve``."""

    host: str
    port: int
    token: str | None
    user_header: str | None
    allow_hosts: tuple[str, ...]
    browser: bool
    workers: int
    time_limit: float
    title: str | None
    log: bool


@click.command("serve", cls=Command, short_help="Show the archive in a browser.")
@click.option(
    "--host",
    metavar="ADDRESS",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; other machines can connect to one that is not of loopback.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    metavar="N",
    default=8517,
    show_default=True,
    help="Port to listen on; 0 chooses a free one.",
)
@click.option(
    "--token",
    metavar="TEXT",
    envvar="NEWSGREP_TOKEN",
    show_envvar=True,
    help="Require this token, in the address once or in the header Authorization: Bearer.",
)
@click.option(
    "--user-header",
    metavar="NAME",
    help="Require this header, which your proxy sets to the name of the user.",
)
@click.option(
    "--allow-host",
    "allow_hosts",
    metavar="HOST[:PORT]",
    multiple=True,
    help="Also answer under this name, which a proxy passes on. Can be repeated.",
)
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser.")
@click.option(
    "--workers",
    type=click.IntRange(1, _MAX_WORKERS),
    metavar="N",
    default=lambda: min(os.cpu_count() or 1, _MOST_BY_DEFAULT),
    show_default="processors, at most 4",
    help="Answer N queries at once.",
)
@click.option(
    "--time-limit",
    type=click.FloatRange(0.1, 3600),
    metavar="SECONDS",
    default=30,
    show_default=True,
    help="Stop a query after SECONDS.",
)
@click.option("--title", metavar="TEXT", help="Name of the archive on its pages.")
@click.option("--log", is_flag=True, help="Print a line for each request.")
@indexes_option
@pass_options(ServeOptions)
def serve_command(options: ServeOptions) -> int:
    """Show the archive in a browser, and answer programs under /api/v1/, until stopped.

    The index is only read. Without --host, only this machine can connect; with it, --token or
    --user-header is required. Ctrl-C or SIGTERM ends it. Needs the extra web:
    pip install "newsgrep[web]"

    \b
    newsgrep serve
    newsgrep serve --port 0 --no-browser
    NEWSGREP_TOKEN=… newsgrep serve --host 192.0.2.5
    newsgrep serve --user-header X-Forwarded-User --allow-host news.example --no-browser
    curl 'http://127.0.0.1:8517/api/v1/search?q=渔业'
    """
    try:
        from newsgrep.web import server
        from newsgrep.web.site import Settings
    except ModuleNotFoundError as exc:
        raise UsageError(
            "newsgrep serve needs {name}. Install it: pip install 'newsgrep[web]'", name=exc.name
        ) from exc
    address = server.Address(options.host, options.port, options.allow_hosts)
    token, user_header = options.token or "", options.user_header or ""
    server.check_access(address, token, user_header)
    for part in options.index.parts:
        with part.open():  # reports here what is wrong with it
            pass
    title = options.title or _default_title(options)
    settings = Settings(
        tuple(map(str, options.index.parts)),
        title,
        shows_paths=address.is_loopback and not (token or user_header),
        timeout=float(options.timeout),
    )
    listening = server.listen(address)
    port = listening.getsockname()[1]
    access = server.Access(
        server.allowed_hosts(options.host, port, options.allow_hosts), token, user_header
    )
    url = f"http://{f'[{options.host}]' if ':' in options.host else options.host}:{port}/"

    def ready() -> None:
        write_flushed(f"{url}?token={token}" if token else url)
        print_message(_("Press Ctrl-C to stop."))
        if options.browser:
            webbrowser.open(f"{url}?token={token}" if token else url)

    with listening:
        server.run(
            settings,
            listening,
            access,
            workers=options.workers,
            seconds=options.time_limit,
            log=server.Log(requests=options.log),
            ready=ready,
        )
    print_message("Stopped.")
    return 0


def _default_title(options: ServeOptions) -> str:
    """Return the name of the archive: that of the index, or of the folder that contains it."""
    first = Path(str(options.index.parts[0]))
    name = first.resolve().parent.name if first.name == "index" else first.name
    return name.removesuffix(".index") or "newsgrep"


class McpOptions(IndexOptions):
    """The options of ``newsgrep mcp``."""


@click.command("mcp", cls=Command, short_help="Serve the archive to assistants (MCP).")
@indexes_option
@pass_options(McpOptions)
def mcp_command(options: McpOptions) -> int:
    """Answer an assistant on standard input and output, by the Model Context Protocol.

    The assistant's program starts this command, which ends when its input is closed, or with
    Ctrl-C. Tools: search, fetch, count_over_time, facets, kwic, similar, keywords, compare,
    describe_archive and whats_new. All only read the index. Needs the extra mcp:
    pip install "newsgrep[mcp]"

    \b
    newsgrep mcp
    newsgrep mcp --index ~/archive.index
    """
    try:
        from newsgrep.mcp import tools
    except ModuleNotFoundError as exc:
        raise UsageError(
            "newsgrep mcp needs {name}. Install it: pip install 'newsgrep[mcp]'", name=exc.name
        ) from exc
    from newsgrep.api.archive import Archive

    with Archive(options.index) as archive:
        if sys.stdin.isatty():
            print_message(_("Waiting for an assistant on standard input. Press Ctrl-C to stop."))
        tools.run(archive)
    return 0
