"""The ordinary recipe of tutorials: Whoosh, jieba's ChineseAnalyzer, BeautifulSoup.

Nothing is tuned in either direction: one TEXT field for the title and one for the content,
both with the analyser; the date from the front matter; ``html.parser`` and ``get_text()``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from datetime import datetime
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.corpora import Corpus
from bench.peers.base import Answer, Inputs, LibraryPeer, Peer
from bench.questions import Question

_PACKAGES = ("whoosh3", "jieba", "beautifulsoup4")
_FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n(.*)", re.DOTALL)


class Recipe(LibraryPeer):
    """Whoosh as in tutorials."""

    name = "recipe"
    title = "Whoosh + jieba + bs4 (the ordinary recipe)"
    note = "Files as they are; ChineseAnalyzer, html.parser, get_text(); Whoosh's own writer."

    def __init__(self) -> None:
        self._index: Any
        self._searcher: Any
        self._parsers: dict[str, Any] = {}

    def available(self) -> str | None:
        """Return which of the three packages are missing."""
        missing = [name for name in ("whoosh", "jieba", "bs4") if find_spec(name) is None]
        return f"{', '.join(missing)} not installed (pip)" if missing else None

    def version(self) -> str:
        """Return the versions of all three."""
        return ", ".join(f"{name} {version(name)}" for name in _PACKAGES)

    def index_here(self, inputs: Inputs, folder: Path) -> None:
        """Index with the writer's defaults."""
        analyzer = _analyzer()
        fields = import_module("whoosh.fields")
        schema = fields.Schema(
            path=fields.ID(stored=True, unique=True),
            title=fields.TEXT(stored=True, analyzer=analyzer),
            date=fields.DATETIME(stored=True, sortable=True),
            content=fields.TEXT(stored=True, analyzer=analyzer),
        )
        _write(import_module("whoosh.index").create_in(str(folder), schema), inputs.corpus)

    def add_here(self, extra: Inputs, folder: Path) -> None:
        """Open the index and add."""
        _write(_open(folder), extra.corpus)

    def open(self, inputs: Inputs, folder: Path) -> None:
        """Open the index and a searcher."""
        del inputs
        self._index = _open(folder)
        self._searcher = self._index.searcher()
        qparser = import_module("whoosh.qparser")
        for name, group in (("all", qparser.AndGroup), ("any", qparser.OrGroup)):
            self._parsers[name] = qparser.MultifieldParser(
                ["title", "content"], self._index.schema, group=group
            )

    def close(self) -> None:
        """Close both."""
        self._searcher.close()
        self._index.close()

    def cannot(self, question: Question) -> str | None:
        """Return which part of a question the recipe's schema has no field for."""
        if question.source:
            return "no source in the schema"
        return "no source or month in the schema" if question.facets else None

    def ask(self, question: Question, limit: int) -> Answer:
        """Search, count exactly, highlight the hits of the page."""
        query = self._query(question)
        order = {"sortedby": "date", "reverse": True} if question.sort == "newest" else {}
        page = question.offset // limit + 1 if limit else 1
        results = self._searcher.search_page(query, page, pagelen=limit or 1, **order)
        total = len(results)
        if not limit:
            return Answer(total)
        hits = list(results) if question.offset < total else []
        return Answer(
            total,
            tuple(hit["path"] for hit in hits),
            tuple(hit.highlights("content") for hit in hits),
        )

    def all_paths(self, question: Question) -> list[str]:
        """Return the files of all matches."""
        query = self._query(question)
        return [hit["path"] for hit in self._searcher.search(query, limit=None)]

    def _query(self, question: Question) -> Any:
        text = f'"{question.quoted}"' if question.quoted else " ".join(question.texts)
        query = self._parsers["any" if question.any else "all"].parse(text)
        if question.since:
            whoosh_query = import_module("whoosh.query")
            first = datetime.fromisoformat(question.since)
            last = datetime.fromisoformat(question.until).replace(hour=23, minute=59, second=59)
            query = query & whoosh_query.DateRange("date", first, last)
        return query


def _analyzer() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jieba is from 2020: its import warns
        return import_module("jieba.analyse").ChineseAnalyzer()


def _open(folder: Path) -> Any:
    _analyzer()  # the schema is a pickle that refers to it
    return import_module("whoosh.index").open_dir(str(folder))


def _write(index: Any, corpus: Corpus) -> None:
    writer = index.writer()
    for document in _documents(corpus):
        writer.add_document(**document)
    writer.commit()


def _documents(corpus: Corpus) -> Iterator[dict[str, Any]]:
    soup = import_module("bs4").BeautifulSoup
    for path in corpus.paths():
        text = path.read_text("utf-8", "replace")
        header = _FRONT_MATTER.match(text)
        fields = dict(
            line.split(": ", 1)
            for line in (header[1] if header else "").splitlines()
            if ": " in line
        )
        document: dict[str, Any] = {
            "path": str(path),
            "title": fields.get("title", path.stem).strip("\"' "),
            "content": soup(header[2] if header else text, "html.parser").get_text(),
        }
        if date := re.match(r"\d{4}-\d\d-\d\d", fields.get("date", "")):
            document["date"] = datetime.fromisoformat(date[0])
        yield document


def make() -> Peer:
    """Return the peer."""
    return Recipe()
