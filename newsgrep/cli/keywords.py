"""``newsgrep keywords``: the telling words of an article or of a query."""

from __future__ import annotations

from typing import Any

import click

from newsgrep.archive.location import Location
from newsgrep.archive.place import opened
from newsgrep.archive.saved import saved_in
from newsgrep.cli.asking import asked, query_options
from newsgrep.cli.finding import find_article, may_name_article
from newsgrep.cli.options import QueryCommand, color_option, index_option, typed, wants_color
from newsgrep.jsontext import to_json
from newsgrep.output.safe import safe
from newsgrep.output.stream import write
from newsgrep.output.styled import print_lines
from newsgrep.output.words import keyword_lines, keywords_object
from newsgrep.views.keywords import of_article, of_query


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
def command(words: tuple[str, ...], index: Location, **options: Any) -> int:
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
    text = typed(words)
    with opened(index, trust=options["trust"]) as engine:
        names = len(words) == 1 and may_name_article(text)
        article = find_article(engine, text) if names else None
        if article:
            found = of_article(engine, article, options["limit"])
        else:
            found = of_query(engine, asked(words, options, saved_in(index)).root, options["limit"])
    if options["as_json"]:
        write(to_json(keywords_object(found, text), indent=2))
    elif not found.articles:
        click.echo(
            f"newsgrep: no article matches {safe(text)}, nor has that id or path: "
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
        print_lines(keyword_lines(found), color=wants_color(options["color"]))
    return 0 if found.words else 1
