"""A commit that changes what is extracted must increase the extraction version.

``tests/fixtures/extraction.txt`` has the version, and a digest of what it extracts from each
folder of fixtures. To write it after a change: ``python -m tests.extraction.test_version``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

import pytest

from newsgrep.errors import NoArticle
from newsgrep.extraction import version
from newsgrep.extraction.formats import suffixes
from newsgrep.extraction.outlets import Outlet, Outlets, load_outlets
from newsgrep.extraction.pipeline import extract_article
from newsgrep.extraction.version import EXTRACTION_VERSION, extraction_version
from tests.support.cli import REPOSITORY

FIXTURES = REPOSITORY / "tests" / "fixtures"
RECORD = FIXTURES / "extraction.txt"
FILE_TIME = 1_760_000_000.0


def fixtures() -> Iterator[tuple[str, Path]]:
    """Yield the folder and the path of every file that can be read."""
    for top in ("cases", "gold", "outlets"):
        for path in sorted((FIXTURES / top).rglob("*")):
            if path.suffix.lower() in suffixes() and path.name != "README.md":
                parts = path.relative_to(FIXTURES).parts
                yield "/".join(parts[: 2 if top == "cases" else 1]), path


def digests() -> dict[str, str]:
    """Return a digest of what is extracted from the files of each folder."""
    outlets = load_outlets()
    hashes: dict[str, blake2b] = {}
    for folder, path in fixtures():
        name = f"/{path.relative_to(FIXTURES).as_posix()}"
        try:
            article = extract_article(name, path.read_bytes(), outlets=outlets, mtime=FILE_TIME)
            result = repr(article._replace(provenance={}, notes=()))
        except NoArticle:
            result = "no article"
        digest = hashes.setdefault(folder, blake2b(digest_size=8))
        digest.update(f"{name}\0{result}\0".encode("utf-8", "surrogatepass"))
    return {folder: digest.hexdigest() for folder, digest in hashes.items()}


def write_record() -> None:
    lines = [
        f"version {EXTRACTION_VERSION}",
        *(f"{name} {each}" for name, each in digests().items()),
    ]
    RECORD.write_text("\n".join(lines) + "\n", "utf-8")


def test_version_is_increased_when_results_change() -> None:
    (_, number), *recorded = (
        line.rsplit(" ", 1) for line in RECORD.read_text("utf-8").splitlines()
    )
    known, found = dict(recorded), digests()
    changed = [name for name in known if found.get(name) != known[name]]
    command = "python -m tests.extraction.test_version"
    assert not changed or int(number) < EXTRACTION_VERSION, (
        f"other articles are extracted from {', '.join(changed)}: increase EXTRACTION_VERSION in "
        f"newsgrep/extraction/version.py, so that users can extract theirs again, and run {command}"
    )
    assert (int(number), known) == (EXTRACTION_VERSION, found), (
        f"{os.path.relpath(RECORD)} is older than the fixtures or the version: run {command}"
    )


def test_version_depends_on_rules_and_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = extraction_version(load_outlets())
    assert shipped == extraction_version(load_outlets())
    assert shipped.partition("-")[0] == str(EXTRACTION_VERSION)
    assert extraction_version(Outlets((Outlet("雾港日报"),))) != shipped
    one, other = Outlets((Outlet("雾港日报"),)), Outlets((Outlet("雾港日报", drop=("p",)),))
    assert extraction_version(one) != extraction_version(other)
    monkeypatch.setattr(version, "_library_versions", lambda: ("another",))
    assert extraction_version(load_outlets()) != shipped


if __name__ == "__main__":
    write_record()
