"""Where the bench keeps its files: corpora and indexes in a cache, results beside the code."""

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
"""Where the packed archives of real articles are expected."""
RESULTS: Final = BENCH_FOLDER / "results"


def default_work() -> Path:
    """Return the folder for corpora and indexes: $NEWSGREP_BENCH, else in the user's cache."""
    named = os.environ.get("NEWSGREP_BENCH")
    return Path(named) if named else platformdirs.user_cache_path("newsgrep-bench", appauthor=False)


def size_of(folder: Path) -> int:
    """Return the total size in bytes of all files under ``folder``; links are not followed."""
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    )


def fresh(folder: Path) -> Path:
    """Create ``folder`` as an empty folder, whatever was there before, and return it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def digest(*parts: Any) -> str:
    """Return a short digest of values that JSON can represent."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def digest_of_files(paths: Iterable[Path]) -> str:
    """Return a short digest of the contents of files."""
    sha = hashlib.sha256()
    for path in sorted(paths):
        sha.update(path.read_bytes())
    return sha.hexdigest()[:16]


def newsgrep_digest(*packages: str) -> str:
    """Return a digest of newsgrep's sources, or of some of its packages."""
    folders = [REPOSITORY / "newsgrep" / name for name in packages or (".",)]
    found = (path for folder in folders for path in folder.rglob("*"))
    return digest_of_files(path for path in found if path.suffix in {".py", ".toml", ".txt"})
