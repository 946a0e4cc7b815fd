"""``newsgrep mcp``: the archive for assistants, by the Model Context Protocol."""

from __future__ import annotations

import sys

import click

from newsgrep.cli.main import Command
from newsgrep.cli.options import IndexOptions, indexes_option, pass_options
from newsgrep.cli.output import print_message
from newsgrep.errors import UsageError
from newsgrep.messages import _


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
        from newsgrep.mcp import server
    except ModuleNotFoundError as exc:
        raise UsageError(
            "newsgrep mcp needs {name}. Install it: pip install 'newsgrep[mcp]'", name=exc.name
        ) from exc
    from newsgrep.api.archive import Archive

    with Archive(options.index) as archive:
        if sys.stdin.isatty():
            print_message(_("Waiting for an assistant on standard input. Press Ctrl-C to stop."))
        server.run(archive)
    return 0
