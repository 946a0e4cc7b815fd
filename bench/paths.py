"""Where the bench keeps what it makes: corpora and indexes in a cache, results beside the code."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import platformdirs

BENCH_FOLDER: Final = Path(__file__).resolve().parent
REPOSITORY: Final = BENCH_FOLDER.parent
ARCHIVES: Final = REPOSITORY.parent / "shared" / "corpus"
"""Where the two packed archives of real articles are expected."""
RESULTS: Final = BENCH_FOLDER / "results"


def default_work() -> Path:
    """Return the folder for corpora and indexes: $NEWSGREP_BENCH, else in the user's cache."""
    named = os.environ.get("NEWSGREP_BENCH")
    return Path(named) if named else platformdirs.user_cache_path("newsgrep-bench", appauthor=False)


def size_of(folder: Path) -> int:
    """Return how many bytes the files under ``folder`` hold; links are not followed."""
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )


def fresh(folder: Path) -> Path:
    """Return ``folder`` new and empty, whatever was there."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def digest(*parts: Any) -> str:
    """Return a short digest of values that JSON can hold."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest_of_files(paths: Iterable[Path]) -> str:
    """Return a short digest of the contents of files."""
    sha = hashlib.sha256()
    for path in sorted(paths):
        sha.update(path.read_bytes())
    return sha.hexdigest()[:16]


def newsgrep_digest() -> str:
    """Return a digest of newsgrep's own sources: other code, other measurements."""
    package = REPOSITORY / "newsgrep"
    found = (p for p in package.rglob("*") if p.suffix in {".py", ".toml", ".txt"})
    return digest_of_files(found)
