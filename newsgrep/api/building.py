"""Building an index from files, and reading the articles of files without one."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from newsgrep.api.archive import Location
    from newsgrep.extraction.extraction import Extraction
    from newsgrep.indexing.outcomes import UpdateSummary

NO_FIELDS: Mapping[str, str] = {}


def index(
    paths: Iterable[str | os.PathLike[str]],
    location: Location = "index",
    *,
    on_progress: Callable[[int, int | None], object] | None = None,
    jobs: int = 1,
    engine: str | None = None,
    prune: bool | None = None,
    follow: bool = False,
    reextract: bool = False,
    keep_versions: int | None = None,
    fields: Mapping[str, str] = NO_FIELDS,
    sql: str | None = None,
    outlets: str | os.PathLike[str] | None = None,
    dictionary: str | os.PathLike[str] | None = None,
    wait: float = 0.0,
    timeout: float = 60.0,
) -> UpdateSummary:
    """Bring the index at ``location`` up to date with files and folders; create it if necessary.

    Later calls read new and changed files only. ``on_progress`` is called with the number of files
    that were read, and with their number in all (``None`` if it is unknown; bytes, if there are
    files of many records). ``jobs`` is the number of processes; with more than one, the program
    needs ``if __name__ == "__main__":`` as :mod:`multiprocessing` does. ``engine`` is that of a
    new index: ``whoosh`` or ``tantivy``.

    ``prune`` removes articles whose files are gone, also if these are more than half; ``False``
    keeps them. ``follow`` follows links that lead out of the paths. ``reextract`` reads only what
    older rules have read. ``keep_versions`` limits earlier versions of an article. ``fields`` maps
    names of newsgrep's fields to those in JSON, CSV and SQLite, and ``sql`` is a query for SQLite.
    ``outlets`` is a file of outlet rules, ``dictionary`` one of names and terms for a new index;
    a :class:`UserWarning` counts its lines that are not used.
    ``wait`` is how many seconds to wait for another writer, ``timeout`` how many a server may take
    for a request.

    Raises :class:`InputError`, :class:`MassDeletion`, :class:`IndexLocked` and what
    :func:`newsgrep.open` raises.

    >>> import newsgrep
    >>> summary = newsgrep.index(["seeds"], "index")
    >>> summary.articles
    16
    """
    from newsgrep.extraction.records.base import ReadOptions
    from newsgrep.indexing import index_at
    from newsgrep.indexing.update import UpdateOptions, update_index
    from newsgrep.indexing.workers import no_progress

    progress = on_progress or no_progress

    def report(done: int, total: int | None) -> None:
        progress(done, total)

    words = None
    if dictionary is not None:
        from newsgrep.analysis.user_dictionary import read_user_dictionary

        file = read_user_dictionary(Path(dictionary))
        words = file.dictionary
        if note := file.note():
            warnings.warn(str(note), UserWarning, stacklevel=2)
    options = UpdateOptions(
        outlets_file=None if outlets is None else Path(outlets),
        jobs=jobs,
        prune=prune,
        wait=wait,
        progress=report,
        byte_progress=report,
        follow=follow,
        engine=engine,
        reextract=reextract,
        read=ReadOptions(fields, sql),
        keep_versions=keep_versions,
        user_dictionary=words,
    )
    where = index_at(location if isinstance(location, str) else os.fspath(location), timeout)
    return update_index(where, [os.fspath(path) for path in paths], options)


def extract(
    path: str | os.PathLike[str],
    *,
    url: str | None = None,
    explain: bool = False,
    fields: Mapping[str, str] = NO_FIELDS,
    sql: str | None = None,
    outlets: str | os.PathLike[str] | None = None,
) -> Iterator[Extraction]:
    """Yield what newsgrep takes from each record of a file: its article, or why it has none.

    A page is one record; a dump, feed or web archive has many, and ``dump.jsonl:12`` is one of
    them. With ``explain``, which takes several times as long, there are also all claims about
    fields, and the blocks of text with the rules that left them out. ``url`` is the address of the
    article, if the file does not state it. The other options are those of :func:`newsgrep.index`.

    Raises :class:`InputError` if the file cannot be read, and :class:`NoArticle` if newsgrep does
    not read files of its format.

    >>> import newsgrep
    >>> for record in newsgrep.extract("seeds/20240612-07.md"):
    ...     print(record.article.published, record.article.title)
    2024-06-12 北河望津联合发表声明 枯水期按日调水
    """
    from newsgrep.extraction.extraction import extract_records
    from newsgrep.extraction.outlets import load_outlets
    from newsgrep.extraction.records.base import ReadOptions
    from newsgrep.extraction.walk import spelled_path
    from newsgrep.search.named import open_file, split_locator

    name = os.fspath(path)
    source, locator, mtime = open_file(name)
    return extract_records(
        spelled_path(split_locator(name)[0]),
        source,
        outlets=load_outlets(None if outlets is None else Path(outlets)),
        mtime=mtime,
        url=url,
        options=ReadOptions(fields, sql),
        locator=locator,
        traced=explain,
    )
