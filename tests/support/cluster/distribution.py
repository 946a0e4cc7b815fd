"""The server's distribution, a zip from Maven Central in the user's cache folder, and Java.

If one can't be found, Missing says why; tests are then skipped with that reason, or fail.
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
# Of the file of that version at Maven Central, which never changes.
SHA256 = "760530e522de0a9f06380d4a4a43dfd83c31fa8911f41745513ce715ed5dfd03"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
# 2.19 supports 11, 17 and 21; newer versions have no security manager, which it needs.
JAVA_VERSIONS = range(17, 24)
FETCH_TIMEOUT = 600.0


class Missing(Exception):
    """A server can't be started on this machine; the message says what is missing."""


def find_java() -> Path:
    """Return the home folder of the Java on the path.

    Raises:
        Missing: there is none, or it does not run OpenSearch 2.19.

    """
    if shutil.which("java") is None:
        raise Missing("no Java 17 found: no java on the path")
    settings = subprocess.run(
        ["java", "-XshowSettings:properties", "-version"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    ).stderr.decode("utf-8", "replace")
    version = re.search(r"^\s*java\.specification\.version = (\d+)", settings, re.MULTILINE)
    home = re.search(r"^\s*java\.home = (.+?)\s*$", settings, re.MULTILINE)
    if version is None or home is None:
        raise Missing(f"no Java 17 found: java printed {settings.strip()[:200]!r}")
    if int(version[1]) not in JAVA_VERSIONS:
        raise Missing(f"no Java 17 found: java is version {version[1]}")
    return Path(home[1])


def fetch_distribution() -> Path:
    """Return the zip of the server; fetch it with Maven if it is not in the user's cache folder.

    Raises:
        Missing: it can't be fetched, or is not the released file.

    """
    folder = platformdirs.user_cache_path("newsgrep", appauthor=False)
    path = folder / f"opensearch-{VERSION}.zip"
    if path.exists() and _digest(path) == SHA256:
        return path
    if shutil.which("mvn") is None:
        raise Missing(f"no Maven found to fetch {ARTIFACT} with, and no {path}")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="fetching-") as temporary:
        fetched = _fetch(Path(temporary)) / path.name
        if not fetched.exists() or _digest(fetched) != SHA256:
            raise Missing(f"Maven fetched a file other than {ARTIFACT} with SHA-256 {SHA256}")
        fetched.replace(path)  # atomic, also if two processes fetch at once
    return path


def _fetch(folder: Path) -> Path:
    try:
        process = subprocess.run(
            ["mvn", "-q", "-B", COPY, f"-Dartifact={ARTIFACT}", f"-DoutputDirectory={folder}"],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=FETCH_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise Missing(f"Maven did not fetch {ARTIFACT} in {FETCH_TIMEOUT:.0f} s") from exc
    if process.returncode != 0:
        output = process.stdout.decode("utf-8", "replace").strip()
        first = output.partition("\n")[0].removeprefix("[ERROR] ")
        raise Missing(f"Maven can't fetch {ARTIFACT}: {first or f'status {process.returncode}'}")
    return folder


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unpack(path: Path, folder: Path) -> Path:
    """Unpack the server into ``folder`` so that every user can read and run it; return its home."""
    with zipfile.ZipFile(path) as archive:
        archive.extractall(folder)
        for info in archive.infolist():  # zipfile does not restore the modes
            is_executable = info.is_dir() or bool(info.external_attr >> 16 & 0o100)
            (folder / info.filename).chmod(0o755 if is_executable else 0o644)
    return folder / f"opensearch-{VERSION}"
