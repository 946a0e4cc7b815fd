"""Commands about newsgrep itself: help."""

from __future__ import annotations

import click

from newsgrep.cli.help import QUERY_HELP
from newsgrep.cli.options import Command, Options, pass_options
from newsgrep.errors import UsageError
from newsgrep.terminal import one_line, write

# help


class HelpOptions(Options):
    """The options of ``newsgrep help``."""

    topics: tuple[str, ...]


@click.command("help", cls=Command, short_help="Show help for a command or for queries.")
@click.argument("topics", metavar="[COMMAND|query]", nargs=-1)
@pass_options(HelpOptions)
def help_command(options: HelpOptions) -> int:
    """Show the help of newsgrep or of COMMAND, or the syntax of queries.

    \b
    newsgrep help
    newsgrep help search
    newsgrep help query
    """
    if options.topics == ("query",):
        write(QUERY_HELP, end="")
        return 0
    ctx = click.get_current_context().find_root()
    command: click.Command = ctx.command
    for name in options.topics:
        found = command.get_command(ctx, name) if isinstance(command, click.Group) else None
        if found is None:
            raise UsageError(
                f"No help for “{one_line(' '.join(options.topics))}”. Topics are the commands "
                "that newsgrep help lists, and query."
            )
        ctx = click.Context(found, info_name=name, parent=ctx)
        command = found
    write(command.get_help(ctx))
    return 0
