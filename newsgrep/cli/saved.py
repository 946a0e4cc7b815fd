"""``newsgrep saved``: queries that are kept with the index under a name."""

from __future__ import annotations

import click

from newsgrep._io import to_json
from newsgrep.cli.options import QueryCommand, index_option, query_text
from newsgrep.index.location import Index
from newsgrep.index.user_state import read_saved, remove_query, save_query, saved_name
from newsgrep.terminal import one_line, write
from newsgrep.views.hits import SCHEMA_VERSION


@click.group(short_help="Keep queries under a name.")
def command() -> None:
    """Keep queries under a name, with the index.

    A saved query is asked as saved:NAME, also inside of other queries, and newsgrep new
    tells what has come in for it.

    \b
    newsgrep saved add 渔业 '渔业 OR "海带" -source:青石湖'
    newsgrep search saved:渔业 since:2024
    newsgrep new 渔业
    """


@command.command(cls=QueryCommand, short_help="Keep a query.")
@click.argument("name")
@click.argument("words", metavar="QUERY...", nargs=-1, required=True)
@click.option("--replace", is_flag=True, help="In the place of the one that has this name.")
@index_option
def add(name: str, words: tuple[str, ...], replace: bool, trust: bool, index: Index) -> int:  # noqa: ARG001  (nothing here runs code, so there is nothing to trust)
    """Keep QUERY as NAME: letters, digits, - _ and ."""
    save_query(index, query_text((name,)), query_text(words), replace=replace)
    return 0


@command.command("list", short_help="Print all names and queries.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@index_option
def list_(as_json: bool, trust: bool, index: Index) -> int:  # noqa: ARG001  (as above)
    """Print the name and the query of all that are kept, one a line with a tab between."""
    queries = read_saved(index)
    if as_json:
        told = [{"name": name, "query": query} for name, query in queries.items()]
        write(to_json({"version": SCHEMA_VERSION, "queries": told}, indent=2))
    else:
        for name, query in queries.items():
            write(f"{name}\t{one_line(query)}")
    return 0 if queries else 1


@command.command(short_help="Print one query.")
@click.argument("name")
@index_option
def show(name: str, trust: bool, index: Index) -> int:  # noqa: ARG001  (as above)
    """Print the query that is kept as NAME."""
    queries = read_saved(index)
    write(one_line(queries[saved_name(queries, name)]))
    return 0


@command.command("remove", short_help="Forget a query.")
@click.argument("name")
@index_option
def remove_(name: str, trust: bool, index: Index) -> int:  # noqa: ARG001  (as above)
    """Forget the query NAME; what newsgrep new knows of it stays."""
    remove_query(index, name)
    return 0
