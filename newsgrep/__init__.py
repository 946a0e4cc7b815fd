"""newsgrep: full-text search for people who keep news archives.

``__all__`` is the Python API. Its names are loaded when they are used, so that importing the
package takes no time::

    import newsgrep

    newsgrep.index(["seeds/"], "index/", on_progress=print)
    with newsgrep.open("index/") as archive:
        for hit in archive.search("渔业", limit=20, sort="-date"):
            print(hit.article.published, hit.article.title)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newsgrep.api.archive import Archive, open  # noqa: A004  (of this module)
    from newsgrep.api.building import extract, index
    from newsgrep.api.results import Hits, NewHits, OccurrenceGroups, Occurrences
    from newsgrep.errors import (
        ChangesRejected,
        IndexDamaged,
        IndexLocked,
        IndexMismatch,
        IndexMissing,
        IndexProblem,
        InputError,
        Interrupted,
        MassDeletion,
        NewsgrepError,
        NoArticle,
        QueryError,
        ServerProblem,
        UsageError,
        WorkerDied,
    )
    from newsgrep.extraction.extraction import Extraction
    from newsgrep.indexing.outcomes import UpdateSummary
    from newsgrep.models import (
        Article,
        Hit,
        LeftOut,
        Precision,
        Provenance,
        Published,
        Snippet,
        Span,
        Version,
    )
    from newsgrep.query.parser import Query
    from newsgrep.views.collocates import Collocate, Collocations
    from newsgrep.views.compare import ComparedGroup, Comparison
    from newsgrep.views.counts import Counts, FacetCount, Sources
    from newsgrep.views.history import Difference, History, HistoryEntry
    from newsgrep.views.keywords import Keyword, Keywords
    from newsgrep.views.kwic import GroupCount, KwicLine
    from newsgrep.views.similar import SimilarArticle, SimilarArticles
    from newsgrep.views.stats import IndexStats
    from newsgrep.views.timeline import Series, Timeline

__version__ = "0.1.0"

_MODULES = {
    "api.archive": "Archive open",
    "api.building": "extract index",
    "api.results": "Hits NewHits OccurrenceGroups Occurrences",
    "errors": "ChangesRejected IndexDamaged IndexLocked IndexMismatch IndexMissing IndexProblem "
    "InputError Interrupted MassDeletion NewsgrepError NoArticle QueryError ServerProblem "
    "UsageError WorkerDied",
    "extraction.extraction": "Extraction",
    "indexing.outcomes": "UpdateSummary",
    "models": "Article Hit LeftOut Precision Provenance Published Snippet Span Version",
    "query.parser": "Query",
    "views.collocates": "Collocate Collocations",
    "views.compare": "ComparedGroup Comparison",
    "views.counts": "Counts FacetCount Sources",
    "views.history": "Difference History HistoryEntry",
    "views.keywords": "Keyword Keywords",
    "views.kwic": "GroupCount KwicLine",
    "views.similar": "SimilarArticle SimilarArticles",
    "views.stats": "IndexStats",
    "views.timeline": "Series Timeline",
}
"""Where the names of the API are defined."""

_HOMES = {name: module for module, names in _MODULES.items() for name in names.split()}

__all__ = [
    "Archive",
    "Article",
    "ChangesRejected",
    "Collocate",
    "Collocations",
    "ComparedGroup",
    "Comparison",
    "Counts",
    "Difference",
    "Extraction",
    "FacetCount",
    "GroupCount",
    "History",
    "HistoryEntry",
    "Hit",
    "Hits",
    "IndexDamaged",
    "IndexLocked",
    "IndexMismatch",
    "IndexMissing",
    "IndexProblem",
    "IndexStats",
    "InputError",
    "Interrupted",
    "Keyword",
    "Keywords",
    "KwicLine",
    "LeftOut",
    "MassDeletion",
    "NewHits",
    "NewsgrepError",
    "NoArticle",
    "OccurrenceGroups",
    "Occurrences",
    "Precision",
    "Provenance",
    "Published",
    "Query",
    "QueryError",
    "Series",
    "ServerProblem",
    "SimilarArticle",
    "SimilarArticles",
    "Snippet",
    "Sources",
    "Span",
    "Timeline",
    "UpdateSummary",
    "UsageError",
    "Version",
    "WorkerDied",
    "extract",
    "index",
    "open",
]


def __getattr__(name: str) -> Any:
    """Import the module that defines a name of the API."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
