"""Related articles for people and for scripts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from newsgrep.output.human import about_pieces, shown_path
from newsgrep.output.machine import VERSION, article_object
from newsgrep.output.safe import one_line
from newsgrep.output.styled import Line, Piece, marked

if TYPE_CHECKING:
    from newsgrep.models import Article
    from newsgrep.similar import Similar


def similar_lines(found: Sequence[Similar]) -> Iterator[Line]:
    """Yield the lines of all related articles."""
    indent = len(str(len(found))) + 2
    for rank, each in enumerate(found, 1):
        article = each.article
        yield Line(marked(article.title, (), "title"), indent, f"{rank}".rjust(indent - 2))
        if about := about_pieces(article):
            yield Line(about, indent)
        yield Line([Piece("both: ", "dim"), Piece(one_line("、".join(each.shared)))], indent)
        yield Line([Piece(shown_path(article.path), "dim")], indent)
        yield Line()


def similar_object(to: Article, found: Sequence[Similar]) -> dict[str, Any]:
    """Return related articles as one object."""
    return {
        "version": VERSION,
        "to": {"id": to.id, "title": to.title, "path": to.path},
        "articles": similar_objects(found),
    }


def similar_objects(found: Sequence[Similar]) -> list[dict[str, Any]]:
    """Return each related article as an object."""
    told = []
    for rank, each in enumerate(found, 1):
        article = article_object(each.article)
        del article["body"], article["captions"]
        score, shared = round(each.score, 4), list(each.shared)
        told.append({"rank": rank, "score": score, **article, "shared": shared})
    return told
