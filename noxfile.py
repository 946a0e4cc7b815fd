"""Checks on each Python that is supported, for ``make test-pythons``.

    make test-pythons                     the checks below, on every Python that is found
    make test-pythons NOX="-s smoke"      only the wheel
    make test-pythons NOX="-p 3.14"       only one Python
    make test-pythons NOX="-s settings"   the fast tests under unusual settings
    make newest                           the fast tests with the newest release of everything

Interpreters are found on the PATH, among pyenv's, and in the folders of ``NEWSGREP_PYTHONS``
(separated as in the PATH). A Python that is not found is skipped, and recorded as "not run".

Results are written to ``build/pythons.json``, one entry for each Python::

    {"commit": "…", "date": "2026-11-28", "pythons": [{"version": "3.14.3",
      "implementation": "cpython", "free_threaded": false, "wheel_smoke": "passed",
      "tests": {"passed": 1, "failed": 0, "skipped": 0}, "types": "passed", "seconds": 1,
      "note": ""}]}

An outcome is "passed", "failed" or "not run"; ``seconds`` is the elapsed time of the fast tests.
Entries of an earlier commit are removed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import nox
from nox.command import CommandFailed

SUPPORTED = tuple(nox.project.python_versions(nox.project.load_toml("pyproject.toml")))
"""The versions among the classifiers in ``pyproject.toml``."""
FREE_THREADED = ("3.14t",)
"""Not 3.13t: rjieba cannot be built there (PyO3 supports 3.14t and later)."""
FAST = "not slow and not torture and not engines and not cluster3"
PINS = "requirements-dev.txt"
BUILD = Path("build/pythons")
RESULTS = Path("build/pythons.json")

SETTINGS: dict[str, dict[str, str]] = {
    "locale C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "far east": {"TZ": "Pacific/Kiritimati", "PYTHONHASHSEED": "1"},
    "far west": {"TZ": "Pacific/Pago_Pago", "PYTHONHASHSEED": "4294967295"},
    "optimised": {"PYTHONOPTIMIZE": "1"},
}
"""Names and environment variables of the settings under which the fast tests also pass."""

DESCRIBE = (
    "import json, platform, sys, sysconfig; print(json.dumps({'version': "
    "platform.python_version(), 'implementation': sys.implementation.name, "
    "'free_threaded': bool(sysconfig.get_config_var('Py_GIL_DISABLED'))}))"
)

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["smoke", "tests"]


def find_interpreters() -> None:
    """Put the folders of interpreters before the PATH: pyenv's shims start one version only."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    extra = [path for path in os.environ.get("NEWSGREP_PYTHONS", "").split(os.pathsep) if path]
    folders = [*extra, *map(str, sorted(pyenv.glob("versions/3.*/bin")))]
    os.environ["PATH"] = os.pathsep.join([*folders, os.environ.get("PATH", "")])


find_interpreters()


@nox.session(python=[*SUPPORTED, *FREE_THREADED])
def smoke(session: nox.Session) -> None:
    """Install the wheel alone, then index, search and check with warnings as errors."""
    wheel = build_wheel(session)
    pins = BUILD / "constraints.txt"
    pins.write_text("\n".join(pinned_versions()) + "\n", "utf-8")
    session.install(str(wheel), "--constraint", str(pins))
    folder = Path(session.create_tmp()).resolve()
    seeds = str(Path("seeds").resolve())
    commands = (
        ("index", seeds),
        ("search", "联合声明"),
        ("search", "--regex", "联合.{2}"),
        ("stats",),
        ("doctor",),
    )
    env = {"PYTHONWARNINGS": "error", "PYTHONUTF8": "1"}
    with session.chdir(folder):
        shutil.rmtree("index", ignore_errors=True)
        passed = all(runs(session, "newsgrep", *command, env=env) for command in commands)
    record(session, wheel_smoke="passed" if passed else "failed")
    if not passed:
        session.error("the wheel does not work on this Python")


@nox.session(python=[*SUPPORTED, *FREE_THREADED])
def tests(session: nox.Session) -> None:
    """Run the fast tests and check types; warnings are errors."""
    install_development(session)
    counts = run_fast_tests(session, f"tests-{session.python}", {})
    version = str(session.python).rstrip("t")
    typed = runs(session, "mypy", "--python-version", version)
    record(session, types="passed" if typed else "failed", **counts)
    if not typed or counts["tests"]["failed"]:
        session.error("see above")


@nox.session(python=[SUPPORTED[0], SUPPORTED[-1]])
@nox.parametrize("setting", list(SETTINGS))
def settings(session: nox.Session, setting: str) -> None:
    """Run the fast tests in another locale, time zone, hash seed or mode of Python."""
    install_development(session)
    name = f"settings-{session.python}-{setting.replace(' ', '-')}"
    if run_fast_tests(session, name, SETTINGS[setting])["tests"]["failed"]:
        session.error("see above")


@nox.session
def newest(session: nox.Session) -> None:
    """Run the fast tests with the newest release of every package, above the upper bounds too.

    The packages that are newer than the pinned ones are listed.
    """
    project = nox.project.load_toml("pyproject.toml")["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(each for extra in extras.values() for each in extra)]
    free = BUILD / "overrides.txt"
    free.parent.mkdir(parents=True, exist_ok=True)
    free.write_text("".join(f"{each}\n" for each in unbounded(wanted)), "utf-8")
    session.install(
        *("--upgrade", "--override", str(free), "--requirement", "requirements-dev.in"),
        *("--editable", f".[{','.join(extras)}]"),
    )
    listed = str(session.run("uv", "pip", "freeze", silent=True)).lower()
    pins = {line.partition(" ")[0].lower() for line in pinned_versions()}
    print("newer than the pins:", *sorted(set(re.findall(r"[^\s]+==[^\s]+", listed)) - pins))
    if run_fast_tests(session, "newest", {})["tests"]["failed"]:
        session.error("see above")


def unbounded(requirements: Iterable[str]) -> Iterator[str]:
    """Yield the requirements that have an upper bound, without their bounds.

    Whoosh and jieba keep theirs: newsgrep is written for one version of each. A requirement without
    an upper bound is left out, because an override, with its marker, also replaces what other
    packages require: that of tzdata on Windows would remove it everywhere else.
    """
    for each in requirements:
        specifiers, separator, marker = each.partition(";")
        name = re.match(r"[A-Za-z0-9._-]+", specifiers)
        if name and "<" in specifiers and name[0] not in {"whoosh3", "jieba"}:
            yield f"{name[0]} {separator}{marker}".rstrip()


def build_wheel(session: nox.Session) -> Path:
    """Return the wheel of this tree, built once for all sessions of one run."""
    folder = BUILD / f"wheel-{os.getpid()}"
    if not folder.exists():
        for earlier in BUILD.glob("wheel-*"):
            shutil.rmtree(earlier)
        session.install("build")
        session.run("python", "-m", "build", "--wheel", "--outdir", str(folder), silent=True)
    (wheel,) = folder.glob("*.whl")
    return wheel.resolve()


def pinned_versions() -> Iterator[str]:
    """Yield the pinned requirements without their hashes, which a wheel of ours cannot have."""
    for line in Path(PINS).read_text("utf-8").splitlines():
        if "==" in line and not line.startswith(("#", " ")):
            yield line.removesuffix("\\").strip()


def install_development(session: nox.Session) -> None:
    """Install what the tests need, as ``make test`` does."""
    session.install("--require-hashes", "--requirement", PINS)
    session.install("--no-deps", "--editable", ".")


def run_fast_tests(session: nox.Session, name: str, env: dict[str, str]) -> dict[str, Any]:
    """Run the fast tests; return ``tests`` (counts by outcome) and ``seconds``."""
    report = BUILD / f"{name}.xml"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    options = session.posargs or ["--numprocesses", "auto", "--dist", "worksteal"]
    if "PYTHONOPTIMIZE" in env:  # pytest's own assertions work, and it warns that others don't
        options = [*options, "-W", "ignore::pytest.PytestConfigWarning"]
    command = ("pytest", "-q", "-m", FAST, f"--junitxml={report}", *options)
    runs(session, *command, env=env)
    if not report.exists():
        session.error("pytest wrote no report")
    suite = next(ElementTree.parse(report).iter("testsuite"))  # noqa: S314 - our own file
    number = {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
    failed = number["failures"] + number["errors"]
    passed = number["tests"] - failed - number["skipped"]
    return {
        "tests": {"passed": passed, "failed": failed, "skipped": number["skipped"]},
        "seconds": round(float(suite.get("time", "0"))),
    }


def runs(session: nox.Session, *command: str, env: dict[str, str] | None = None) -> bool:
    """Run a command and return whether its exit status is 0."""
    try:
        session.run(*command, env=env)
    except CommandFailed:
        return False
    return True


def record(session: nox.Session, **values: object) -> None:
    """Merge values into this Python's entry in ``build/pythons.json``."""
    found = json.loads(str(session.run("python", "-c", DESCRIBE, silent=True)))
    git = shutil.which("git") or "git"
    head = subprocess.run(  # noqa: S603 - no input from outside
        [git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    pythons = results.get("pythons", []) if results.get("commit") == head else []
    key = (found["version"], found["free_threaded"])
    entry: dict[str, Any] = next(
        (each for each in pythons if (each["version"], each["free_threaded"]) == key), {}
    )
    empty = {"wheel_smoke": "not run", "tests": None, "types": "not run", "seconds": 0, "note": ""}
    others = [each for each in pythons if each is not entry]
    pythons = sorted(
        [*others, {**empty, **entry, **found, **values}], key=lambda each: each["version"]
    )
    RESULTS.parent.mkdir(exist_ok=True)
    text = json.dumps(
        {"commit": head, "date": date.today().isoformat(), "pythons": pythons}, indent=1
    )
    RESULTS.write_text(text + "\n", "utf-8")
