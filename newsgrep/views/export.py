"""What leaves an index: articles as Markdown, and where an export comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from newsgrep import __version__
from newsgrep.messages import message
from newsgrep.models import SHORT_ID, Article
from newsgrep.terminal import count_noun, one_line, quote_path
from newsgrep.views import SCHEMA_VERSION
from newsgrep.views.article import byline_pieces, web_link

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


def to_json(provenance: Provenance) -> dict[str, Any]:
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
