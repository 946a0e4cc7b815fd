"""Where the server comes from: Maven Central's zip of it, in the user's cache folder, and a Java.

What can't be had is Missing, with the reason: tests are skipped with it, or fail.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import platformdirs

VERSION = "2.19.3"
ARTIFACT = f"org.opensearch.distribution.integ-test-zip:opensearch:{VERSION}:zip"
# What Maven Central gives for that version, and always will.
SHA256 = "760530e522de0a9f06380d4a4a43dfd83c31fa8911f41745513ce715ed5dfd03"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
# 2.19 is released for 11, 17 and 21; newer ones have lost the security manager that it needs.
JAVAS = range(17, 24)
LONGEST_FETCH = 600.0


class Missing(Exception):
    """A server can't be started here; the message says what is missing, and why."""


def find_java() -> Path:
    """Return the home of the Java on the path (it may differ from the command's folder).

    Raises:
        Missing: there is none, or none that OpenSearch 2.19 runs on.

    """
    if shutil.which("java") is None:
        raise Missing("no Java 17 found: no java on the path")
    told = subprocess.run(
        ["java", "-XshowSettings:properties", "-version"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    ).stderr.decode("utf-8", "replace")
    version = re.search(r"^\s*java\.specification\.version = (\d+)", told, re.MULTILINE)
    home = re.search(r"^\s*java\.home = (.+?)\s*$", told, re.MULTILINE)
    if version is None or home is None:
        raise Missing(f"no Java 17 found: java says {told.strip()[:200]!r}")
    if int(version[1]) not in JAVAS:
        raise Missing(f"no Java 17 found: java is version {version[1]}")
    return Path(home[1])


def distribution() -> Path:
    """Return the zip of the server, fetched by Maven if it isn't in the user's cache folder.

    Raises:
        Missing: it can't be fetched, or isn't the zip that was released.

    """
    folder = platformdirs.user_cache_path("newsgrep", appauthor=False)
    path = folder / f"opensearch-{VERSION}.zip"
    if path.exists() and _digest(path) == SHA256:
        return path
    if shutil.which("mvn") is None:
        raise Missing(f"no Maven found to fetch {ARTIFACT} with, and no {path}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="fetching-") as fetching:
        fetched = _fetch(Path(fetching)) / path.name
        if not fetched.exists() or _digest(fetched) != SHA256:
            raise Missing(f"Maven fetched something else than {ARTIFACT} with SHA-256 {SHA256}")
        fetched.replace(path)  # whole or not at all, also where two fetch at once
    return path


def _fetch(folder: Path) -> Path:
    try:
        done = subprocess.run(
            ["mvn", "-q", "-B", COPY, f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LONGEST_FETCH,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise Missing(f"Maven did not fetch {ARTIFACT} in {LONGEST_FETCH:.0f} s") from late
    if done.returncode != 0:
        told = done.stdout.decode("utf-8", "replace").strip()
        first = told.partition("\n")[0].removeprefix("[ERROR] ")
        raise Missing(f"Maven can't fetch {ARTIFACT}: {first or f'status {done.returncode}'}")
    return folder


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unpack(path: Path, folder: Path) -> Path:
    """Unpack the server into ``folder`` so that every user can read and run it; return its home."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
        for info in archive.infolist():  # zipfile leaves the modes to the umask
            runs = info.is_dir() or bool(info.external_attr >> 16 & 0o100)
            (folder / info.filename).chmod(0o755 if runs else 0o644)
    return folder / f"opensearch-{VERSION}"
