"""Build the artifacts of a release and check them: ``make release``.

    python -m release.build               all checks
    python -m release.build --no-pythons  without the tests on each Python

Everything is written to ``dist/``: the sdist, the wheel, the bill of materials, the checksums and
the report. The exit status is 1 if a check failed. A check that this machine can't do, because it
has no container builder for example, is reported as "not run", with the reason.

The artifacts have the time of the commit (``SOURCE_DATE_EPOCH``), and are built by the versions of
``requirements-release.txt``: the same commit gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from newsgrep import __version__
from release import report
from release.first_steps import INSTALLERS, StepFailed, program
from release.report import Check, Outcome

REPOSITORY: Final = Path(__file__).parents[1]
DIST: Final = REPOSITORY / "dist"
WHEELHOUSE: Final = REPOSITORY / "build" / "wheelhouse"
PYTHONS: Final = REPOSITORY / "build" / "pythons.json"
PINNED: Final = REPOSITORY / "requirements-run.txt"
EXTRAS: Final = "fast,feeds,mcp,pdf,warc,watch,web"
"""The extras whose packages :data:`PINNED` contains."""

Result = tuple[Outcome, str]


class CheckFailed(Exception):
    """A check failed; the text says how."""


def run(*command: str | Path, **env: str) -> str:
    """Run a program in the repository and return what it printed on stdout and stderr.

    Raises :class:`CheckFailed` if it fails.
    """
    done = subprocess.run(  # noqa: S603  (our own commands)
        [str(each) for each in command],
        cwd=REPOSITORY,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        name = Path(command[0]).name
        raise CheckFailed(f"{name} ended with {done.returncode}: {done.stdout[-800:].strip()}")
    return done.stdout


def git(*arguments: str) -> str:
    """Return what git prints."""
    return run("git", *arguments).strip()


def tool(name: str, *arguments: str | Path, **env: str) -> str:
    """Run a program of ``requirements-release.txt``."""
    return run(program(name), *arguments, **env)


# Artifacts


def artifact(suffix: str) -> Path:
    """Return the one file of ``dist/`` that ends with ``suffix``."""
    found = list(DIST.glob(f"newsgrep-{__version__}*{suffix}"))
    if len(found) != 1:
        raise CheckFailed(f"dist/ contains {len(found)} files *{suffix}")
    return found[0]


def build(source: Path, target: Path, *kinds: str) -> None:
    """Build the sdist and the wheel with the time of the commit, and the pinned backend."""
    epoch = git("log", "-1", "--format=%ct")
    backend = ("-m", "build", "--no-isolation", "--outdir", target)
    run(sys.executable, *backend, *kinds, source, SOURCE_DATE_EPOCH=epoch)


def check_sources() -> Result:
    """Check that the commit is the release: clean, one version, a dated section of changes."""
    changed = git("status", "--porcelain")
    if changed:
        raise CheckFailed(f"files that no commit contains: {changed}")
    changes = (REPOSITORY / "CHANGELOG.md").read_text("utf-8")
    head = rf"^## \[{re.escape(__version__)}\] – (\d{{4}}-\d\d-\d\d)$"
    dated = re.search(head, changes, re.MULTILINE)
    if dated is None:
        raise CheckFailed(f"CHANGELOG.md has no dated section of {__version__}")
    cited = (REPOSITORY / "CITATION.cff").read_text("utf-8")
    if f"\nversion: {__version__}\ndate-released: {dated[1]}\n" not in cited:
        raise CheckFailed(
            f"CITATION.cff has another version or date than {__version__}, {dated[1]}"
        )
    return "passed", f"{__version__} of {dated[1]}, {tag()}"


def tag() -> str:
    """Return the tag of the commit, or that it has none."""
    tags = git("tag", "--points-at", "HEAD").split()
    wanted = f"v{__version__}"
    if wanted in tags:
        return f"tag {wanted}"
    if wanted in git("tag").split():
        raise CheckFailed(f"the tag {wanted} is another commit: increase the version")
    return "no tag yet"


def check_build() -> Result:
    """Build the sdist, and the wheel from the sdist."""
    shutil.rmtree(DIST, ignore_errors=True)
    build(REPOSITORY, DIST)
    names = (artifact(".tar.gz"), artifact(".whl"))
    return "passed", ", ".join(f"{path.stat().st_size / 1e6:.1f} MB {path.name}" for path in names)


def check_equal() -> Result:
    """Build again from the commit's files, with other times and modes, and compare the bytes."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "source"), Path(folder, "dist")
        git("archive", "--output", f"{folder}/source.tar", "HEAD")
        with tarfile.open(f"{folder}/source.tar") as archive:
            archive.extractall(source, filter="data")
        for path in source.rglob("*"):
            path.chmod(path.stat().st_mode & 0o700)
        build(source, target, "--sdist", "--wheel")
        for path in (artifact(".tar.gz"), artifact(".whl")):
            if (target / path.name).read_bytes() != path.read_bytes():
                raise CheckFailed(f"{path.name} differs when it is built again")
    return "passed", "the second build has the same bytes"


def check_metadata() -> Result:
    """Check metadata, the description and the contents of the wheel."""
    tool("twine", "check", "--strict", artifact(".tar.gz"), artifact(".whl"))
    tool("check-wheel-contents", "--toplevel", "newsgrep", artifact(".whl"))
    return "passed", "twine check --strict, check-wheel-contents"


def check_bill() -> Result:
    """Write the software bill of materials: newsgrep with its extras, as they are pinned."""
    shutil.rmtree(WHEELHOUSE, ignore_errors=True)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    run(*pip, "wheel", "--quiet", "--require-hashes", "-r", PINNED, "-w", WHEELHOUSE)
    # The installers create environments with it.
    run(*pip, "wheel", "--quiet", "--no-deps", "-w", WHEELHOUSE, "pip")
    target = DIST / f"newsgrep-{__version__}.cdx.json"
    with tempfile.TemporaryDirectory() as folder:
        tool("uv", "venv", "--quiet", "--python", sys.executable, folder)
        python = f"--python={folder}"
        offline = ("--offline", "--no-index", f"--find-links={WHEELHOUSE}", f"--find-links={DIST}")
        wanted = f"newsgrep[{EXTRAS}]=={__version__}"
        tool("uv", "pip", "install", "--quiet", python, *offline, wanted)
        form = ("--output-reproducible", "--output-format", "JSON", "--output-file", target)
        about = ("--pyproject", REPOSITORY / "pyproject.toml", "--mc-type", "application")
        tool("cyclonedx-py", "environment", *form, *about, folder)
    bill = json.loads(target.read_bytes())
    bill["metadata"]["component"]["version"] = __version__  # pyproject.toml does not contain it
    target.write_text(json.dumps(bill, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return "passed", f"{len(list(WHEELHOUSE.iterdir())) - 1} packages, CycloneDX"


def check_first_steps(installer: str) -> Result:
    """Install on a bare machine, index ten files, search, serve."""
    script = (sys.executable, "-m", "release.first_steps", artifact(".whl"))
    printed = run(*script, "--wheelhouse", WHEELHOUSE, "--installer", installer)
    return "passed", ", ".join(" ".join(line.split()) for line in printed.splitlines())


def check_container() -> Result:
    """Lint the Containerfile, and build and run it where that is possible.

    ``NEWSGREP_BASE_IMAGE`` is a base image instead of the one of the file.
    """
    linted = "no hadolint for this system"
    if shutil.which("hadolint", path=Path(sys.executable).parent):
        tool("hadolint", REPOSITORY / "Containerfile")
        linted = "hadolint finds nothing"
    builder = next(filter(None, map(shutil.which, ("podman", "buildah", "docker"))), None)
    if builder is None:
        return "passed", f"{linted}; not built: no builder on this machine"
    base = os.environ.get("NEWSGREP_BASE_IMAGE")
    wheel = artifact(".whl").relative_to(REPOSITORY)
    given = [f"--build-arg=WHEEL={wheel}", *([f"--build-arg=PYTHON={base}"] if base else [])]
    options = os.environ.get("NEWSGREP_BUILD_OPTIONS", "").split()
    image = f"newsgrep:{__version__}"
    try:
        run(builder, "build", *options, "--file=Containerfile", f"--tag={image}", *given, ".")
    except CheckFailed:
        if base:
            raise
        return "passed", f"{linted}; not built: {Path(builder).name} could not load the base image"
    wanted = f"newsgrep, version {__version__}\n"
    if Path(builder).name == "buildah":
        started = run(builder, "from", image).split()[-1]
        printed = run(builder, "run", started, "--", "newsgrep", "--version")
        run(builder, "rm", started)
    else:
        printed = run(builder, "run", "--rm", image, "--version")
    if printed != wanted:
        raise CheckFailed(f"the image prints {printed.strip()} as its version")
    return "passed", f"{linted}; built and started by {Path(builder).name} as {image}"


def check_pythons() -> Result:
    """Run ``make test-pythons`` unless it has run on this commit."""
    commit = git("rev-parse", "HEAD")
    if not report.pythons_at(PYTHONS, commit):
        run("make", "test-pythons")
    check = report.pythons_check(report.pythons_at(PYTHONS, commit), 0)
    if check.outcome == "failed":
        raise CheckFailed(check.detail)
    return check.outcome, check.detail


# The command


def timed(name: str, action: Callable[[], Result]) -> Check:
    """Do a check, print its outcome, and return it."""
    start = time.perf_counter()
    try:
        outcome, detail = action()
    except (CheckFailed, StepFailed) as failure:
        outcome, detail = "failed", str(failure)
    check = Check(name, outcome, detail, time.perf_counter() - start)
    print(f"{outcome:8} {name}: {detail}", flush=True)
    return check


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m release.build")
    parser.add_argument("--no-pythons", action="store_true", help="skip make test-pythons")
    options = parser.parse_args(arguments)
    checks = [timed("sources", check_sources), timed("build", check_build)]
    if checks[-1].outcome == "failed":
        return 1
    checks += [
        timed("reproducible", check_equal),
        timed("metadata", check_metadata),
        timed("bill of materials", check_bill),
    ]
    for installer in INSTALLERS:
        checks.append(timed(f"first steps, {installer}", partial(check_first_steps, installer)))
    checks.append(timed("container", check_container))
    if options.no_pythons:
        checks.append(Check("Pythons", "not run", "--no-pythons", 0))
    else:
        checks.append(timed("Pythons", check_pythons))
    commit = git("rev-parse", "HEAD")
    moment = datetime.fromtimestamp(int(git("log", "-1", "--format=%ct")), UTC)
    found = report.Report(
        __version__,
        commit,
        moment.isoformat(timespec="seconds"),
        checks,
        report.pythons_at(PYTHONS, commit),
    )
    report.write_report(DIST, found)
    print(f"report: {DIST / report.REPORT}")
    return int(any(check.outcome == "failed" for check in checks))


if __name__ == "__main__":
    sys.exit(main())
