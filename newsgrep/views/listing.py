"""Articles as a list: a table, Markdown, and where an export comes from.

The columns are those of ``newsgrep list`` and ``newsgrep export``, by their names in JSON. A cell
of JSON Lines has the type that the article has in JSON; several values are in one cell of CSV.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from newsgrep import __version__
from newsgrep.messages import _, message
from newsgrep.models import SHORT_ID, Article
from newsgrep.search.selection import Stored
from newsgrep.terminal import (
    Screen,
    StyledLine,
    StyledText,
    count_noun,
    display_width,
    highlight,
    one_line,
    pad,
    quote_path,
    truncate,
)
from newsgrep.views import SCHEMA_VERSION, FilePath
from newsgrep.views.article import byline_pieces, web_link
from newsgrep.views.table import column_names

# Where an export comes from


@dataclass(frozen=True, slots=True)
class Provenance:
    """By which query of which index articles were selected, so that others can repeat it.

    ``parsed`` is the query as it was understood, with filters. ``commit`` and ``articles`` describe
    the index, ``matching`` counts the matches, and ``exported`` those that were written.
    ``sample`` and ``seed`` are ``None`` unless a random sample was drawn. ``time`` is ISO 8601 in
    UTC.
    """

    query: str
    parsed: str
    sort: str
    limit: int | None
    sample: int | None
    seed: str | None
    index: str
    commit: int
    articles: int
    matching: int
    exported: int
    time: str


def provenance_to_json(provenance: Provenance) -> dict[str, Any]:
    """Return ``provenance`` with the version of newsgrep as a JSON object."""
    return {"version": SCHEMA_VERSION, "newsgrep": __version__, **asdict(provenance)}


def provenance_line(provenance: Provenance) -> str:
    """Return ``provenance`` in one line for people."""
    p = provenance
    exported = count_noun(p.exported, "article")
    if p.exported != p.matching:
        exported = message(
            "{exported:,} of {articles}",
            exported=p.exported,
            articles=count_noun(p.matching, "article"),
        )
    if p.sample:
        exported = message(
            "{articles}, random sample with seed {seed}",
            articles=exported,
            seed=one_line(p.seed or ""),
        )
    return message(
        "{exported}; query {query}; index {index}, commit {commit} ({articles}); "
        "newsgrep {version}; {time}",
        exported=exported,
        query=one_line(p.parsed),
        index=quote_path(p.index),
        commit=p.commit,
        articles=count_noun(p.articles, "article"),
        version=__version__,
        time=p.time,
    )


# Markdown

_LEADING: Final = re.compile(r"^(\s*)([#>+=|~-]|[0-9]{1,9}(?=[.)]))", re.MULTILINE)
_INLINE: Final = re.compile(r"[\\`*_\[\]<&]")


def escape_markdown(text: str) -> str:
    r"""Return ``text`` so that Markdown shows it unchanged; line breaks stay in paragraphs.

    >>> print(escape_markdown("# 一_二\n1. <b>"))
    \# 一\_二\
    1\. \<b>
    """
    text = _INLINE.sub(r"\\\g<0>", text)
    text = _LEADING.sub(_escape_leading, text)
    return re.sub(r"(?<!\n)\n(?!\n)", "\\\\\n", text)


def _escape_leading(found: re.Match[str]) -> str:
    mark = found[2]
    return f"{found[1]}{mark}\\" if mark[0].isdigit() else f"{found[1]}\\{mark}"


def markdown_lines(articles: Iterable[Article]) -> Iterator[str]:
    """Yield ``articles`` as the sections of one Markdown file."""
    for article in articles:
        about = "".join(piece.text for piece in byline_pieces(article))
        yield f"# {escape_markdown(one_line(article.title))}\n"
        yield escape_markdown(about) + "\n"
        if link := web_link(article.url):
            yield f"<{_plain_url(link)}>\n"
        yield escape_markdown(article.body) + "\n"
        for caption in article.captions:
            yield f"*{escape_markdown(one_line(caption))}*\n"


def _plain_url(url: str) -> str:
    return re.sub(r"[\s<>]", lambda found: f"%{ord(found[0]):02X}", one_line(url))


def markdown_file(article: Article) -> str:
    """Return one article as a Markdown file with front matter, which newsgrep can index again."""
    published = article.published
    fields = {
        "title": article.title,
        "source": article.source,
        "author": list(article.authors),
        "date": published.iso if published else None,
        "url": article.url,
        "tags": list(article.tags),
        "captions": list(article.captions),
        "id": article.id,
        "path": article.path,
    }
    # Strings of JSON are strings of YAML.
    lines = [f"{name}: {_yaml(value)}" for name, value in fields.items() if value]
    return "\n".join(("---", *lines, "---", "", escape_markdown(article.body), ""))


def _yaml(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return re.sub(
        "[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]", lambda c: f"\\u{ord(c[0]):04x}", text
    )


_NOT_IN_NAMES: Final = re.compile(r'[\x00-\x20\x7f-\x9f"*/:<>?\\|\u2028\u2029\ud800-\udfff.]+')
_MAX_NAME_BYTES: Final = 120


def file_name(article: Article) -> str:
    """Return a name for the file of ``article``: date, title and the start of its id.

    >>> file_name(Article("voxg36vu63he", "三天就要表決？", "", "/a"))
    'undated-三天就要表決？-voxg36.md'
    """
    date = article.published.iso[:10] if article.published else "undated"
    title = _NOT_IN_NAMES.sub("-", article.title).strip("-")
    short = title.encode("utf-8", "ignore")[:_MAX_NAME_BYTES].decode("utf-8", "ignore")
    # Date and id may be anything as well, if somebody has made up the index.
    name = "-".join(filter(None, (date, short, article.id[:SHORT_ID])))
    return _NOT_IN_NAMES.sub("-", name).strip("-") + ".md"


# Articles in columns

_VALUES: Final[Mapping[str, Callable[[Stored], Any]]] = {
    "id": lambda each: each.article.id,
    "title": lambda each: each.article.title,
    "source": lambda each: each.article.source,
    "published": lambda each: each.article.published and each.article.published.iso,
    "precision": lambda each: each.article.published and each.article.published.precision.value,
    "authors": lambda each: list(each.article.authors),
    "tags": lambda each: list(each.article.tags),
    "url": lambda each: each.article.url,
    "path": lambda each: each.article.path,
    "fetched": lambda each: each.article.fetched,
    "file_time": lambda each: each.article.file_time,
    "characters": lambda each: len(each.article.body),
    "captions": lambda each: list(each.article.captions),
    "notes": lambda each: list(each.article.notes),
    "digest": lambda each: each.file_record.digest if each.file_record else None,
    "body": lambda each: each.article.body,
}

COLUMNS: Final = tuple(_VALUES)
"""The names of all columns; they change only with a new schema version."""

LIST_COLUMNS: Final = (
    *("id", "title", "source", "published", "precision", "authors", "tags", "url", "path"),
    "characters",
)
"""The columns of ``newsgrep list`` by default."""

EXPORT_COLUMNS: Final = (*LIST_COLUMNS, "fetched", "body")
"""The columns of ``newsgrep export --to csv`` by default."""


def parse_columns(text: str) -> tuple[str, ...]:
    """Return the names in ``text``, separated by commas, each once.

    Raises :class:`UsageError` for a name that is not in :data:`COLUMNS`.
    """
    return tuple(dict.fromkeys(column_names(text, COLUMNS)))


def to_csv(stored: Iterable[Stored], *, columns: Sequence[str]) -> Iterator[Sequence[object]]:
    """Yield a row for each article; several authors or tags are in one cell."""
    yield tuple(columns)
    for each in stored:
        yield tuple(_cell(name, _VALUES[name](each)) for name in columns)


def _cell(name: str, value: Any) -> object:
    if name == "path":
        return FilePath(value)
    if isinstance(value, list):
        return "; ".join(value)
    return "" if value is None else value


def to_jsonl(stored: Iterable[Stored], *, columns: Sequence[str] = ()) -> Iterator[dict[str, Any]]:
    """Yield an object for each article: as ``newsgrep show --json``, or with ``columns`` only."""
    for each in stored:
        if columns:
            yield {
                "version": SCHEMA_VERSION,
                **{name: _VALUES[name](each) for name in columns},
            }
        else:
            yield each.article.to_dict()


_DATE_WIDTH: Final = 10
_SOURCE_WIDTH: Final = 16
_MIN_TITLE: Final = 10
_MIN_WITH_SOURCE: Final = 64
_GAP: Final = "  "


def to_text(articles: Iterable[Article], screen: Screen) -> Iterator[StyledLine]:
    """Yield a line for each article: number, short id, date, source if there is room, title."""
    for number, article in enumerate(articles, 1):
        date = article.published.iso[:_DATE_WIDTH] if article.published else _("undated")
        before = [
            StyledText(f"{number:>4}{_GAP}", "dim"),
            StyledText(f"{article.id[:SHORT_ID]}{_GAP}", "dim"),
            StyledText(pad(date, _DATE_WIDTH) + _GAP),
        ]
        if screen.width >= _MIN_WITH_SOURCE:
            source = truncate(one_line(article.source or "–"), _SOURCE_WIDTH)
            before += [StyledText(pad(source, _SOURCE_WIDTH), "source"), StyledText(_GAP)]
        used = sum(display_width(piece.text) for piece in before)
        title = truncate(one_line(article.title), max(screen.width - used, _MIN_TITLE))
        yield StyledLine([*before, *highlight(title, (), "title", web_link(article.url))])
