"""Generate man pages and completion scripts from the command line's own help: ``make man``."""

from __future__ import annotations

import re
import sys
from copy import copy
from inspect import cleandoc
from pathlib import Path

import click
from click.shell_completion import get_completion_class
from click_man.core import write_man_pages

from newsgrep import __version__
from newsgrep.cli.main import group

FOLDER = Path(__file__).with_name("man")
COMPLETIONS = Path(__file__).with_name("completions")
_SCRIPTS = {"bash": "newsgrep.bash", "zsh": "_newsgrep", "fish": "newsgrep.fish"}


def _with_verbatim_blocks(text: str) -> str:
    """Return help text with the paragraphs that Click must not wrap kept as they are."""
    block = re.compile(r"^\x08\n(.*?)(?=\n\n|\Z)", re.MULTILINE | re.DOTALL)
    return block.sub(lambda found: f".nf\n{found[1]}\n.fi", cleandoc(text))


def build(folder: Path) -> None:
    """Write one page for newsgrep and one for each command into ``folder``."""
    context = click.Context(group, info_name="newsgrep")
    commands = {}
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            commands[name] = page = copy(command)
            page.help = _with_verbatim_blocks(page.help or "")
    # The library reads `commands`, which a group that loads them lazily does not have.
    pages = click.Group(
        "newsgrep",
        commands,
        help=_with_verbatim_blocks(group.help or ""),
        short_help="full-text search for news archives",
        params=group.params,
    )
    write_man_pages("newsgrep", pages, version=__version__, target_dir=str(folder), date="2026")


def build_completions(folder: Path) -> None:
    """Write what ``newsgrep completion`` prints for each shell, for packages to install."""
    for shell, name in _SCRIPTS.items():
        kind = get_completion_class(shell)
        if kind is None:
            raise LookupError(shell)
        script = kind(group, {}, "newsgrep", "_NEWSGREP_COMPLETE")
        # Not .source(), which starts bash to look at its version.
        text = script.source_template % script.source_vars()
        (folder / name).write_text(text.rstrip("\n") + "\n", "utf-8")


if __name__ == "__main__":
    build(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
    build_completions(Path(sys.argv[2]) if len(sys.argv) > 2 else COMPLETIONS)
