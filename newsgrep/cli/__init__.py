"""The command line: one thin file per command, each a plain function under a Click wrapper.

Nothing here decides what matches, how it ranks or what it looks like.
"""

from newsgrep.cli.main import main

__all__ = ["main"]
