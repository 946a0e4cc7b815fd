"""What a worker does: it has the index open and returns a complete answer for each call.

The index is compared with its last commit before each call, and opened again if it is another one.
An answer has an ETag of the commit, the address and the day, so that a client that has it already
receives no second copy, and no search runs.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from datetime import datetime
from hashlib import blake2b
from itertools import chain
from typing import Any, Final, NamedTuple

from newsgrep import __version__
from newsgrep.engines.base import Engine
from newsgrep.errors import IndexProblem, InputError, NewsgrepError, QueryError, UsageError
from newsgrep.indexing import index_at
from newsgrep.indexing.combined import combine_indexes
from newsgrep.indexing.manifest import ANNOTATIONS_FILE, SAVED_FILE, SEEN_FOLDER
from newsgrep.indexing.store import Session
from newsgrep.messages import speaking
from newsgrep.models import ARCHIVE_ZONE
from newsgrep.query.parser import parse
from newsgrep.search.search import SearchRequest, search
from newsgrep.terminal import one_line
from newsgrep.web import articles, hits, overviews
from newsgrep.web.calls import Answer, Call, NotFound, Parameters, Visit
from newsgrep.web.data import problem_object
from newsgrep.web.endpoints import DATA
from newsgrep.web.html import environment, render

BUSY_STATUS: Final = 503

PAGES: Final[Mapping[str, Callable[[Visit], Answer]]] = {
    "search": hits.search_page,
    "article": articles.article_page,
    "difference": articles.difference_page,
    "file": articles.file_page,
    "svg": overviews.svg_page,
    "timeline": overviews.timeline_page,
    "kwic": overviews.kwic_page,
    "keywords": overviews.keywords_page,
    "compare": overviews.compare_page,
    "saved": articles.saved_page,
    "new": articles.new_page,
}
"""The pages by the names of their routes."""


class Settings(NamedTuple):
    """What a worker needs to know: the indexes, the name of the archive, what may be shown."""

    indexes: tuple[str, ...]
    name: str = "newsgrep"
    shows_paths: bool = False
    timeout: float = 30.0


class Site:
    """The pages and data of one index, or of several that are searched as one."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._index = combine_indexes(
            [index_at(text, settings.timeout) for text in settings.indexes]
        )
        self._opened = ExitStack()
        self._session: Session | None = None
        self._engine: Engine | None = None

    def prepare(self) -> None:
        """Open the index and load the templates, so that the first call need not wait for them."""
        environment()
        with suppress(NewsgrepError, OSError):
            engine = self._refreshed()
            search(engine, SearchRequest(parse("联合声明"), limit=1))
        gc.collect()
        gc.freeze()

    def close(self) -> None:
        """Close the index."""
        self._opened.close()
        self._session = self._engine = None

    def answer(self, call: Call) -> Answer:
        """Return the answer to a call; an error is a page or an object as well."""
        try:
            try:
                return self._answer(call)
            except (IndexProblem, FileNotFoundError):
                # An index that was rebuilt, or whose files another process has just replaced.
                self.close()
                return self._answer(call)
        except NewsgrepError as exc:
            return describe(self._settings, call, exc)

    def _answer(self, call: Call) -> Answer:
        engine = self._refreshed()
        etag = self._etag(call, engine)
        if etag in call.etag:
            return Answer(304, "text/plain", b"", {"ETag": etag})
        visit = Visit(
            engine,
            self._index,
            Parameters(call.parameters),
            call.target,
            self._settings.shows_paths,
            self._settings.name,
        )
        if call.route in PAGES:
            with speaking(call.language):
                found = PAGES[call.route](visit)
            found = found._replace(headers={**found.headers, "Vary": "Accept-Language"})
        else:
            found = DATA[call.route].answer(visit)
        if found.status == 200:
            found = found._replace(headers={**found.headers, "ETag": etag})
        if isinstance(found.body, bytes):
            return found
        parts = iter(found.body)
        first = next(parts, b"")  # what is wrong with a query is found here, and not halfway
        return found._replace(body=chain((first,), parts))

    def _refreshed(self) -> Engine:
        """Return the engine, on the last commit."""
        if self._session:
            self._session.refresh()
            return self._session.engine
        if self._engine:
            self._engine.refresh()
            return self._engine
        with ExitStack() as stack:
            if len(self._index.parts) > 1:
                engine = self._engine = stack.enter_context(self._index.open())
            else:
                self._session = stack.enter_context(self._index.session())
                engine = self._session.engine
            self._opened = stack.pop_all()
        return engine

    def _etag(self, call: Call, engine: Engine) -> str:
        state = [call, engine.commit(), __version__, datetime.now(ARCHIVE_ZONE).date()]
        state += [part.identity for part in self._index.parts]
        for part in self._index.parts:
            with suppress(IndexProblem, OSError):
                state.append(part.manifest_version())
            for name in (SAVED_FILE, ANNOTATIONS_FILE, SEEN_FOLDER):
                with suppress(OSError):
                    state.append((part.personal_folder / name).stat().st_mtime_ns)
        text = repr([each._replace(etag="") if each is call else each for each in state])
        return f'W/"{blake2b(text.encode("utf-8", "replace"), digest_size=12).hexdigest()}"'


def describe(settings: Settings, call: Call, error: NewsgrepError, status: int = 0) -> Answer:
    """Return the answer for an error: a page, or an object for a program.

    What is wrong with an index or a file names paths of this machine, so others see only that
    something is, and the log has the rest.
    """
    problem = ""
    if not status:
        status = 400 if isinstance(error, UsageError) else BUSY_STATUS
        status = 404 if isinstance(error, NotFound) else status
    if isinstance(error, IndexProblem | InputError):
        problem = str(error)
        if not settings.shows_paths:
            error = NewsgrepError("The archive cannot be read now. The log of the server says why.")
    headers = {"Retry-After": "5"} if status == BUSY_STATUS else {}
    if call.route in DATA:
        body = problem_object(error)
        return Answer(status, "application/json", body, headers, problem)
    at = Parameters(call.parameters)
    values = {"at": at, "path": "/", "archive": settings.name, "warnings": ()}
    with speaking(call.language):
        page = render("error.html", **values, **_mistake(error, at), status=status)
    return Answer(status, "text/html", page, {**headers, "Vary": "Accept-Language"}, problem)


def _mistake(error: NewsgrepError, at: Parameters) -> dict[str, Any]:
    """Return the message of an error, and the query before, at and after its mistake."""
    pieces: tuple[str, str, str] | None = None
    position = error.position if isinstance(error, QueryError) else None
    if position is not None and isinstance(error, QueryError) and error.query == at.get("q"):
        text = one_line(error.query)
        # A mistake at the end has no character to underline.
        pieces = (text[:position], text[position : position + 1], text[position + 1 :])
    return {"message": str(error), "pieces": pieces}
