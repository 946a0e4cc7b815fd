"""tantivy's Python binding with newsgrep's own pipeline and terms in front.

It shows what another engine would make of the same work: reading, cleaning and segmenting
are newsgrep's, in as many processes; the index, the queries and the counting are tantivy's.
Strings are looked up as their terms; nothing verifies that these stand together.
"""

from __future__ import annotations

import json
import os
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from bench.peers.base import JOBS, Answer, Inputs, LibraryPeer, Peer
from bench.questions import Question

_HEAP: Final = 256_000_000
_ALL: Final = 10_000_000
_UNKNOWN: Final = -(2**62)
_WIDTH: Final = 120


class Tantivy(LibraryPeer):
    """tantivy, fed with ready terms."""

    name = "tantivy"
    title = "tantivy (newsgrep's pipeline and terms)"
    note = f"Files as they are through newsgrep's pipeline ({JOBS} processes); terms, no positions."
    packages = ("tantivy",)
    uses_newsgrep = True

    def __init__(self) -> None:
        self._schema: Any
        self._index: Any
        self._searcher: Any

    def available(self) -> str | None:
        """Return whether the binding is there."""
        if find_spec("tantivy"):
            return None
        return "tantivy not installed (pip install -r requirements-bench.txt)"

    def version(self) -> str:
        """Return the binding's version."""
        return f"tantivy {version('tantivy')}"

    def index_here(self, inputs: Inputs, folder: Path) -> None:
        """Make an index and fill it."""
        tantivy = import_module("tantivy")
        _write(tantivy.Index(_schema(), path=str(folder)), inputs)

    def add_here(self, extra: Inputs, folder: Path) -> None:
        """Open the index and add."""
        _write(_open(folder), extra)

    def open(self, inputs: Inputs, folder: Path) -> None:
        """Open the index and a searcher, and load the dictionary for queries."""
        del inputs
        self._schema = _schema()
        self._index = _open(folder)
        self._searcher = self._index.searcher()

    def cannot(self, question: Question) -> str | None:
        """Return nothing: the schema has it all."""
        del question
        return None

    def ask(self, question: Question, limit: int) -> Answer:
        """Search, count, aggregate, and cut snippets with newsgrep's own scissors."""
        query = self._query(question)
        order = {"order_by_field": "published"} if question.sort == "newest" else {}
        # A limit of 0 is refused; one hit is fetched only as an address.
        found = self._searcher.search(query, limit or 1, True, offset=question.offset, **order)
        if question.facets:
            wanted = {facet: {"terms": {"field": facet, "size": 1000}} for facet in question.facets}
            result = self._searcher.aggregate(query, wanted)
            if isinstance(result, str):
                json.loads(result)
        if not limit:
            return Answer(found.count)
        documents = [self._searcher.doc(address) for _, address in found.hits]
        return Answer(
            found.count,
            tuple(os.fsdecode(bytes(document["path"][0])) for document in documents),
            tuple(
                _snippet(bytes(document["text"][0]).decode(), question.texts)
                for document in documents
            ),
        )

    def all_paths(self, question: Question) -> list[str]:
        """Return the files of all matches."""
        found = self._searcher.search(self._query(question), _ALL, False)
        documents = (self._searcher.doc(address) for _, address in found.hits)
        return [os.fsdecode(bytes(document["path"][0])) for document in documents]

    def _query(self, question: Question) -> Any:
        from newsgrep.analysis.fold import fold
        from newsgrep.analysis.segment import query_terms
        from newsgrep.query.parser import normalize

        tantivy = import_module("tantivy")
        query, occur = tantivy.Query, tantivy.Occur
        words = []
        for text in question.texts:
            terms = [
                query.boolean_query(
                    [
                        (occur.Should, query.term_query(self._schema, field, term))
                        for field in ("title", "body")
                    ]
                )
                for term in query_terms(fold(normalize(text)))
            ]
            words.append(query.boolean_query([(occur.Must, term) for term in terms]))
        joint = occur.Should if question.any else occur.Must
        parts = [(occur.Must, query.boolean_query([(joint, word) for word in words]))]
        if question.source:
            parts.append((occur.Must, query.term_query(self._schema, "source", question.source)))
        if moments := question.moments:
            first, last = map(int, moments)
            between = query.range_query(
                self._schema, "published", tantivy.FieldType.Integer, first, last, True, False
            )
            parts.append((occur.Must, between))
        return query.boolean_query(parts)


def _schema() -> Any:
    builder = import_module("tantivy").SchemaBuilder()
    for field in ("title", "body"):
        builder.add_text_field(field, tokenizer_name="whitespace", index_option="freq")
    for field in ("path", "headline", "text"):
        # A text field would be indexed as well; bytes are only kept.
        builder.add_bytes_field(field, stored=True, indexed=False, fast=False)
    for field in ("source", "month"):
        builder.add_text_field(
            field, stored=True, fast=True, tokenizer_name="raw", index_option="basic"
        )
    builder.add_integer_field("published", stored=True, indexed=True, fast=True)
    return builder.build()


def _open(folder: Path) -> Any:
    return import_module("tantivy").Index.open(str(folder))


def _write(index: Any, inputs: Inputs) -> None:
    from bench.pipeline import entries
    from newsgrep.analysis.document import publication_month
    from newsgrep.analysis.scoring import unpack_counts

    tantivy = import_module("tantivy")
    writer = index.writer(heap_size=_HEAP)
    seen: set[str] = set()
    for entry in entries(inputs.corpus.folder, JOBS):
        article = entry.article()
        if article.id in seen:
            continue
        seen.add(article.id)
        title: list[str] = []
        body: list[str] = []
        for term, packed in entry.counts.items():
            counts = unpack_counts(packed)
            title += [term] * counts.title
            body += [term] * counts.body
        document = tantivy.Document(
            title=" ".join(title),
            body=" ".join(body),
            path=os.fsencode(article.path),
            headline=article.title.encode(),
            text=article.body.encode(),
            source=article.source or "",
            month=publication_month(article.published),
            published=int(article.published.sort_key()) if article.published else _UNKNOWN,
        )
        writer.add_document(document)
    writer.commit()
    writer.wait_merging_threads()


def _snippet(text: str, wanted: tuple[str, ...]) -> str:
    from newsgrep.analysis.fold import fold
    from newsgrep.query.ast import Field, Phrase
    from newsgrep.query.match import find_matches
    from newsgrep.search.highlight import make_snippets

    folded = fold(text)
    matches = find_matches(folded, [Phrase(fold(each), ()) for each in wanted], Field.BODY)
    return " … ".join(found.text for found in make_snippets(text, folded, matches, width=_WIDTH))


def make() -> Peer:
    """Return the peer."""
    return Tantivy()
