"""SQLite's FTS5 with the trigram tokenizer, over text that newsgrep has extracted.

It gets the extracted text for free; the report states how long extraction took.
Strings of one or two characters have no trigram: SQLite then reads every row (LIKE).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from bench.cleaned import read_cleaned
from bench.peers.base import Answer, Inputs, LibraryPeer, Peer
from bench.questions import Question

_TABLE = """CREATE VIRTUAL TABLE articles USING fts5(
    title, body, path UNINDEXED, source UNINDEXED, published UNINDEXED, tokenize='trigram')"""
_AROUND = 40


class Fts5(LibraryPeer):
    """A trigram index in one SQLite file."""

    name = "fts5"
    title = "SQLite FTS5 trigram (over extracted text)"
    note = "Text already extracted by newsgrep; tokenize='trigram', one transaction."
    uses_newsgrep = True

    def __init__(self) -> None:
        self._database: sqlite3.Connection

    def available(self) -> str | None:
        """Return what is missing if this Python's SQLite lacks the tokenizer."""
        try:
            with closing(sqlite3.connect(":memory:")) as database:
                database.execute(_TABLE)
        except sqlite3.Error as exc:
            return f"SQLite {sqlite3.sqlite_version} lacks it ({exc}): 3.34 or newer is needed"
        return None

    def version(self) -> str:
        """Return SQLite's version."""
        return f"SQLite {sqlite3.sqlite_version}"

    def index_here(self, inputs: Inputs, folder: Path) -> None:
        """Create the table and fill it."""
        with closing(sqlite3.connect(folder / "articles.db")) as database, database:
            database.execute(_TABLE)
            _insert(database, inputs)

    def add_here(self, extra: Inputs, folder: Path) -> None:
        """Insert into the table."""
        with closing(sqlite3.connect(folder / "articles.db")) as database, database:
            _insert(database, extra)

    def open(self, inputs: Inputs, folder: Path) -> None:
        """Open the database."""
        del inputs
        self._database = sqlite3.connect(folder / "articles.db")

    def close(self) -> None:
        """Close the database."""
        self._database.close()

    def ask(self, question: Question, limit: int) -> Answer:
        """Count, and fetch a page with snippets."""
        where, values, by_match = _where(question)
        total = self._one(f"SELECT count(*) FROM articles WHERE {where}", values)  # noqa: S608
        for facet in question.facets:
            value = {"source": "source", "month": "strftime('%Y-%m', published, 'unixepoch')"}
            self._database.execute(
                f"SELECT {value[facet]}, count(*) FROM articles WHERE {where} GROUP BY 1 "  # noqa: S608
                "ORDER BY 2 DESC",
                values,
            ).fetchall()
        if not limit:
            return Answer(total)
        by_rank = "rank" if by_match else "rowid"  # LIKE alone does not rank
        order = "published DESC" if question.sort == "newest" else by_rank
        shown = "snippet(articles, 1, '[', ']', '…', 60)" if by_match else "body"
        rows = self._database.execute(
            f"SELECT path, {shown} FROM articles WHERE {where} ORDER BY {order} "  # noqa: S608
            "LIMIT ? OFFSET ?",
            (*values, limit, question.offset),
        ).fetchall()
        snippets = (text if by_match else _window(text, question.texts) for _, text in rows)
        return Answer(total, tuple(path for path, _ in rows), tuple(snippets))

    def all_paths(self, question: Question) -> list[str]:
        """Return the files of all matches."""
        where, values, _ = _where(question)
        rows = self._database.execute(f"SELECT path FROM articles WHERE {where}", values)  # noqa: S608
        return [path for (path,) in rows]

    def cold_command(self, question: Question, inputs: Inputs, folder: Path) -> list[str] | None:
        """Return ``None``: by hand it is SQL, which differs from question to question."""
        del question, inputs, folder
        return None

    def _one(self, statement: str, values: Iterable[object]) -> int:
        return int(self._database.execute(statement, tuple(values)).fetchone()[0])


def _insert(database: sqlite3.Connection, inputs: Inputs) -> None:
    database.executemany(
        "INSERT INTO articles (title, body, path, source, published) VALUES (?, ?, ?, ?, ?)",
        (
            (article.title, article.body, article.path, article.source, article.published)
            for article in read_cleaned(inputs.cleaned.path)
        ),
    )


def _where(question: Question) -> tuple[str, list[object], bool]:
    """Return the condition, its values, and whether the index alone answers it."""
    quoted = [f'"{text}"' for text in question.texts]
    long = [len(text) >= 3 for text in question.texts]
    joint = " OR " if question.any else " AND "
    values: list[object] = []
    if all(long):
        where = "articles MATCH ?"
        values.append(joint.join(quoted))
    else:
        parts = []
        for text in question.texts:
            parts.append("(title LIKE ? OR body LIKE ?)")
            values += [f"%{text}%"] * 2
        where = f"({joint.join(parts)})"
    if question.source:
        where += " AND source = ?"
        values.append(question.source)
    if moments := question.moments:
        where += " AND published >= ? AND published < ?"
        values += moments
    return where, values, all(long)


def _window(body: str, texts: Iterable[str]) -> str:
    lowered = body.lower()
    at = max((lowered.find(text.lower()) for text in texts), default=-1)
    return body[max(0, at - _AROUND) : max(0, at) + _AROUND]


def make() -> Peer:
    """Return the peer."""
    return Fts5()
