"""The newsgrep command inside the test process: the interface of ``Cli`` without its processes."""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import chdir
from typing import Any, Final

import click
from click.testing import CliRunner

from newsgrep.cli.main import run
from tests.support.cli import Argument, Cli, CommandResult, Environment, clean_environment

_READ_AT_START: Final = ("LC_", "LANG", "PYTHON")
"""Prefixes of the variables that Python reads when a process starts."""

_SIGNALS: Final = (signal.SIGTERM, signal.SIGHUP)


class _Program(click.Command):
    """newsgrep as ``CliRunner`` invokes a command."""

    def main(self, args: Any = None, *_: Any, **__: Any) -> Any:
        sys.exit(run(args))


class InProcessCli(Cli):
    """Runs commands inside the test process, which saves the quarter of a second of a start.

    ``start``, ``bash`` and ``on_terminal`` are processes here as well, and so are commands with
    an environment that Python reads only when it starts. Tests whose point is the process
    itself use ``Cli``.
    """

    def run(
        self, *args: Argument, stdin: bytes = b"", env: Environment | None = None
    ) -> CommandResult:
        if any(name.startswith(_READ_AT_START) for name in env or ()):
            return super().run(*args, stdin=stdin, env=env)
        changes: dict[str, str | None] = {
            **dict.fromkeys(os.environ),
            **clean_environment(self.folder, env),
        }
        handlers = {number: signal.getsignal(number) for number in _SIGNALS}
        try:
            with chdir(self.folder):
                ended = CliRunner().invoke(
                    _Program("newsgrep"), list(map(os.fsdecode, args)), stdin, changes
                )
        finally:
            gc.enable()
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if ended.exception and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return CommandResult(ended.exit_code, ended.stdout_bytes, ended.stderr_bytes)
