"""Known items and related articles, and how answers are kept out of what is searched.

The title of a known item is removed from its article, and links from the articles that contain
them; otherwise the answer would be part of the question.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from bench.paths import REPOSITORY
from newsgrep.analysis.characters import fold

GOLD: Final = REPOSITORY.parent / "shared" / "gold"
KNOWN_ITEMS: Final = "known-items.tsv"
RELATED: Final = "related.tsv"
_LINK = re.compile(rb"<a\b[^>]*\bhref\b[^>]*>(?:(?!<a\b).)*?</a\s*>", re.DOTALL | re.IGNORECASE)


class KnownItem(NamedTuple):
    """A query, usually a title, and the file of the article to find, relative to the corpus."""

    corpus: str
    title: str
    path: str

    @property
    def tunes(self) -> bool:
        """Whether this one is in the half that constants were chosen on."""
        return sha256(self.path.encode()).digest()[0] % 2 == 0


def known_items(folder: Path = GOLD) -> list[KnownItem]:
    """Return all known items in the order of the file."""
    rows = _rows(folder / KNOWN_ITEMS)
    return [KnownItem(row["corpus"], row["title"], row["path"]) for row in rows]


def related(folder: Path = GOLD) -> dict[str, set[str]]:
    """Return for each file that links to others the files it links to."""
    links: dict[str, set[str]] = {}
    for row in _rows(folder / RELATED):
        links.setdefault(row["from"], set()).add(row["to"])
    return links


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


def without_title(title: str, body: str) -> str:
    """Return ``body`` without the title if it begins with it, in any script or case."""
    if title and fold(body).startswith(fold(title)):
        return body[len(title) :].lstrip()
    return body


def without_links(data: bytes) -> bytes:
    """Return an article's file without its links and everything inside them."""
    return _LINK.sub(b" ", data)


def without(texts: Iterable[str], body: str) -> str:
    """Return ``body`` without every occurrence of these strings, in any script or case."""
    for text in texts:
        while text and (at := fold(body).find(fold(text))) >= 0:
            body = f"{body[:at]} {body[at + len(text) :]}"
    return body
