"""The command line: each command parses options, calls the library and prints the result.

Nothing here decides what matches, how it ranks or what it looks like. To add a command, write a
function in one of these modules and add a row to ``COMMANDS`` in :mod:`newsgrep.cli.main`.
"""

import gc

gc.disable()  # the modules of a search are loaded 3 ms faster, and nothing of them is garbage
try:
    from newsgrep.cli.main import main
except KeyboardInterrupt:  # without a traceback
    import os

    os._exit(130)
gc.freeze()
gc.enable()

__all__ = ["main"]
