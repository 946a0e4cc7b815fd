"""``python -m fuzz.run TARGET --seconds N``: search for inputs that break a promise.

``all`` runs the targets in turn, each with its share of the time; ``patterns`` measures the
regular expressions. Inputs that fail are written to ``.fuzz/``; add each as a test to
``tests/fuzz/test_fuzz.py``.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

# Named here because modules of newsgrep are measured from their import on; a test compares them.
NAMES: Final = (
    "decoder", "txt", "md", "html", "dates", "query", "engines", "texts", "packed", "records",
)  # fmt: skip
_FOLDER: Final = Path(".fuzz")
_HANG: Final = 30
"""Seconds allowed for one input; most take milliseconds."""
_MOST_MEMORY: Final = 2000
"""MB allowed for a process, including jieba's dictionary."""
_LONGEST: Final = 20_000
"""Bytes of an input."""


def main() -> int:
    """Run the targets of the command line; return 0 if nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=(*NAMES, "patterns", "all"))
    parser.add_argument("--seconds", type=int, default=60, help="time for all targets together")
    more = "a folder of files to start from, besides the samples"
    parser.add_argument("--more", type=Path, action="append", default=[], help=more)
    parser.add_argument(
        "--input", type=Path, metavar="FILE", help="run this input only, which was found before"
    )
    wanted = parser.parse_args()
    if wanted.target == "patterns":
        return _patterns()
    if wanted.input:
        _check(wanted.target)(wanted.input.read_bytes())
        return 0
    names = NAMES if wanted.target == "all" else (wanted.target,)
    if "--here" in os.environ.get("NEWSGREP_FUZZ", ""):
        _guided(wanted.target, wanted.seconds, wanted.more)
        return 0
    return max([_run(name, wanted.seconds // len(names), wanted.more) for name in names])


def _patterns() -> int:
    from fuzz.patterns import report

    lines = report(200)
    sys.stdout.write("\n".join(lines) + "\n")
    return int(len(lines) > 1)


def _check(name: str) -> Callable[[bytes], None]:
    check: Callable[[bytes], None] = import_module("fuzz.targets").TARGETS[name]
    return check


def _run(name: str, seconds: int, more: list[Path]) -> int:
    """Run one target in a process of its own, and print the result."""
    command = [sys.executable, "-m", "fuzz.run", name, "--seconds", str(seconds)]
    command += [part for folder in more for part in ("--more", str(folder))]
    env = os.environ | {"NEWSGREP_FUZZ": "--here"}
    done = subprocess.run(  # noqa: S603 - our own module
        command, env=env, capture_output=True, check=False
    )
    output = done.stderr.decode("utf-8", "replace") + done.stdout.decode("utf-8", "replace")
    runs = re.findall(r"Done (\d+) runs", output) or re.findall(r"#(\d+)", output)[-1:]
    cover = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", output)[-1:]
    places, features, kept = cover[0] if cover else ("?", "?", "?")
    verdict = "nothing found" if done.returncode == 0 else "FOUND SOMETHING:"
    sys.stdout.write(
        f"{name}: {runs[-1] if runs else '?'} inputs in {seconds} s, {places} places and "
        f"{features} features covered, {kept} inputs kept: {verdict}\n"
    )
    if done.returncode:
        sys.stdout.write(output[-3000:] + "\n")
    sys.stdout.flush()
    return done.returncode


def _guided(name: str, seconds: int, more: list[Path]) -> None:
    """Run one target here, guided by the coverage of newsgrep's modules."""
    import atheris

    with atheris.instrument_imports(include=["newsgrep"]):
        check = _check(name)
    from fuzz.inputs import PIECES, seeds_for

    corpus, found = _FOLDER / "corpus" / name, _FOLDER / "found" / name
    for folder in (corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds_for(name, more)):
        (corpus / f"seed-{number:03}").write_bytes(seed)
    words = _FOLDER / "pieces.dict"
    quoted = ("".join(f"\\x{byte:02x}" for byte in piece) for piece in PIECES)
    words.write_text("".join(f'"{piece}"\n' for piece in quoted), "ascii")
    options = [
        f"-max_total_time={seconds}", f"-timeout={_HANG}", f"-rss_limit_mb={_MOST_MEMORY}",
        f"-max_len={_LONGEST}", f"-dict={words}", f"-artifact_prefix={found}{os.sep}",
    ]  # fmt: skip
    fuzzer: Any = atheris
    fuzzer.Setup([sys.argv[0], *options, str(corpus)], check)
    fuzzer.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
