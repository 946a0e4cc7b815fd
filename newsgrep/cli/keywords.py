"""``newsgrep keywords``: the telling words of an article or of a query."""

from __future__ import annotations

from typing import Any

import click

from newsgrep._io import to_json
from newsgrep.cli.options import (
    QueryCommand,
    build_query,
    color_option,
    find_article,
    index_option,
    looks_like_article,
    query_options,
    query_text,
    use_color,
)
from newsgrep.index.location import Index
from newsgrep.index.store import open_index
from newsgrep.index.user_state import saved_lookup
from newsgrep.terminal import print_lines, sanitize, write
from newsgrep.views.compare import keywords_to_json, keywords_to_text
from newsgrep.views.keywords import article_keywords, query_keywords


@click.command(
    cls=QueryCommand, short_help="Tell which words an article or a query's articles are about."
)
@query_options
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Words shown."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@color_option
@index_option
def command(words: tuple[str, ...], index: Index, **options: Any) -> int:
    """Print the words that tell what an article, or all articles that match, are about.

    QUERY is a query, or the ID or PATH of one article.

    Words of a query's articles are those that they have oftener than the rest of the
    archive (G² of article counts); those of one article are frequent in it and rare in
    the archive (tf·idf).

    \b
    newsgrep keywords 渔业
    newsgrep keywords voxg36vu63he
    newsgrep keywords --json '渔业 date:2024' | jq -r '.words[].word'
    """
    text = query_text(words)
    with open_index(index, trust=options["trust"]) as engine:
        names = len(words) == 1 and looks_like_article(text)
        article = find_article(engine, text) if names else None
        if article:
            found = article_keywords(engine, article, options["limit"])
        else:
            found = query_keywords(
                engine, build_query(words, options, saved_lookup(index)).root, options["limit"]
            )
    if options["as_json"]:
        write(to_json(keywords_to_json(found, text), indent=2))
    elif not found.articles:
        click.echo(
            f"newsgrep: no article matches {sanitize(text)}, nor has that id or path: "
            "newsgrep search says why.",
            err=True,
        )
    elif not found.words:
        click.echo(
            f"newsgrep: no word tells these articles from the {found.others:,} others: "
            "ask for fewer articles.",
            err=True,
        )
    else:
        print_lines(keywords_to_text(found), color=use_color(options["color"]))
    return 0 if found.words else 1
