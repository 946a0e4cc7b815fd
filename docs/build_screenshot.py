"""Draw docs/terminal.svg from real output of newsgrep over seeds/: ``make screenshot``."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from contextlib import suppress
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
PICTURE = Path(__file__).with_name("terminal.svg")
WIDTH = 92
SESSION = (
    ("search", "联合声明", "-n", "3"),
    ("timeline", "联合声明", "--by", "year"),
    ("search", "联合声明 朱鹮 source:汀海", "-n", "1"),
)
_MILLISECONDS = re.compile(r"in \d+ ms")  # differs from run to run
_ID_OF_A_FILE = re.compile(
    r"[a-z2-7]{6}(?=(?:\x1b\[[\d;]*m|\s)+seeds/002_)"
)  # depends on the folder
_LINKS = re.compile(r"\x1b\]8;[^\x1b\x07]*(?:\x1b\\|\x07)")  # a picture has no links
_FONT_FACES = re.compile(r"@font-face \{\{.*?\}\}\n", re.DOTALL)  # would load from the network


def _run(arguments: tuple[str, ...], index: Path) -> str:
    """Run newsgrep in a terminal of WIDTH columns and return what it prints there."""
    newsgrep = Path(sys.executable).with_name("newsgrep")
    terminal, child_side = pty.openpty()
    fcntl.ioctl(child_side, termios.TIOCSWINSZ, struct.pack("HHHH", 50, WIDTH, 0, 0))
    process = subprocess.Popen(  # noqa: S603 - a fixed list of commands
        [newsgrep, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=child_side,
        stderr=child_side,
        env={
            "TERM": "xterm-256color",
            "HOME": str(index.parent),
            "LANG": "C.UTF-8",
            "NEWSGREP_INDEX": str(index),  # hints need not name it
        },
    )
    os.close(child_side)
    printed = b""
    with suppress(OSError):  # the terminal is closed when the process ends
        while part := os.read(terminal, 65536):
            printed += part
    process.wait()
    os.close(terminal)
    text = printed.decode("utf-8").replace("\r\n", "\n")
    text = _ID_OF_A_FILE.sub("deyy74", _LINKS.sub("", text))
    return _MILLISECONDS.sub("in 5 ms", text)


def build() -> str:
    """Return the picture as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        index = Path(folder) / "index"
        _run(("index", "seeds/"), index)
        for number, arguments in enumerate(SESSION):
            shown = " ".join(f"'{each}'" if " " in each else each for each in arguments)
            console.print(
                Text(f"{chr(10) if number else ''}$ newsgrep {shown}", style="bold green")
            )
            console.print(Text.from_ansi(_run(arguments, index).rstrip("\n")))
    template = _FONT_FACES.sub("", CONSOLE_SVG_FORMAT)
    return console.export_svg(title="newsgrep", code_format=template, unique_id="newsgrep")


if __name__ == "__main__":
    PICTURE.write_text(build(), "utf-8")
