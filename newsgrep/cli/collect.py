"""``newsgrep collect`` and ``newsgrep note``: sets of articles, and remarks on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import click

from newsgrep.cli.main import QueryCommand
from newsgrep.cli.named import find_all_chosen, find_article
from newsgrep.cli.options import (
    IndexOptions,
    QueryOptions,
    completing,
    filter_options,
    index_option,
    pass_options,
    query_text,
)
from newsgrep.cli.output import (
    OutputFormat,
    OutputOptions,
    Rendering,
    output_options,
    print_message,
    print_result,
    report_no_match,
)
from newsgrep.engines.base import Engine, Order
from newsgrep.errors import UsageError
from newsgrep.indexing.annotations import (
    Annotation,
    add_to_collection,
    read_annotations,
    read_collections,
    remove_from_collection,
    write_note,
)
from newsgrep.messages import _
from newsgrep.models import SHORT_ID, Article
from newsgrep.query.ast import describe
from newsgrep.query.lexer import name_key
from newsgrep.search.named import describe_missing
from newsgrep.search.selection import in_batches, iter_ids
from newsgrep.terminal import StyledLine, StyledText, count_noun, one_line, write
from newsgrep.views import SCHEMA_VERSION, FilePath

# collect


class CollectOptions(QueryOptions, OutputOptions):
    """The options of ``newsgrep collect``."""

    name: str
    remove: bool

    def validate(self) -> None:
        """Raise :class:`UsageError` for ``--remove`` without a collection."""
        super().validate()
        if self.remove and not self.name:
            raise UsageError("--remove needs the NAME of a collection.")


@click.command("collect", cls=QueryCommand, short_help="Keep articles in collections.")
@click.argument("name", required=False, default="", shell_complete=completing("collection"))
@click.argument(
    "words", metavar="[ARTICLE...|QUERY...]", nargs=-1, shell_complete=completing("article")
)
@filter_options
@click.option(
    "--remove", is_flag=True, help="Remove the articles, or without any the whole collection."
)
@output_options(OutputFormat.JSON, OutputFormat.CSV)
@index_option
@pass_options(CollectOptions)
def collect_command(options: CollectOptions) -> int:
    """Add articles, or all matches of a query, to the collection NAME, or list collections.

    ARTICLE is a number of the last search, an id of at least six characters, an address or a path;
    anything else is a QUERY. in:NAME in a query matches the articles of a collection. A
    collection is a fixed list: what is indexed later is not in it (see newsgrep saved).
    Collections and notes are kept beside the index in a text file, newsgrep.collections.jsonl.

    \b
    newsgrep collect                        # all collections
    newsgrep collect 渔权 3 5 voxg36         # add three articles
    newsgrep collect 渔权 '渔业 since:2024'   # add all matches
    newsgrep collect 渔权                    # what is in it
    newsgrep search 声明 in:渔权
    newsgrep collect 渔权 3 --remove
    """
    name = query_text((options.name,))
    if not name:
        return _list_collections(options)
    if not options.words and not options.only_for_queries:
        if not options.remove:
            return _list_one(options, name)
        removed = remove_from_collection(options.index, name, None)
        write(
            _(
                "{name}: removed, with {articles}",
                name=one_line(name),
                articles=count_noun(removed, "article"),
            )
        )
        return 0
    with options.index.open() as engine:
        found = find_all_chosen(engine, options)
        missing = found.missing if found else []
        articles = found.articles if found else _matches(engine, options)
    if not articles and not missing:
        return 1
    if options.remove:
        changed = remove_from_collection(options.index, name, [each.id for each in articles])
        done = _("removed")
    else:
        changed = add_to_collection(options.index, name, articles) if articles else 0
        done = _("added")
    total = len(read_collections(options.index).get(_spelled(options, name), ()))
    write(
        _(
            "{name}: {articles} {done}, {total:,} in it now",
            name=one_line(name),
            articles=count_noun(changed, "article"),
            done=done,
            total=total,
        )
    )
    for problem in missing:
        print_message(problem)
    return 1 if missing else 0


def _matches(engine: Engine, options: CollectOptions) -> list[Article]:
    """Return all articles that match the query; print why there are none."""
    query = options.query()
    ids = iter_ids(engine, query.root, Order.NEWEST)
    articles = [
        # A collection may be large: only what it keeps of an article is in memory.
        Article(each.id, each.title, "", each.path, url=each.url)
        for batch in in_batches(ids)
        for each in engine.get(batch)
    ]
    if not articles:
        report_no_match(engine, query.root, describe(query.root), options.index)
    return articles


def _spelled(options: CollectOptions, name: str) -> str:
    known = read_collections(options.index)
    return next((each for each in known if name_key(each) == name_key(name)), name)


def _list_collections(options: CollectOptions) -> int:
    known = read_collections(options.index)
    listed = [{"name": name, "articles": len(ids)} for name, ids in known.items()]
    print_result(
        Rendering(
            text=lambda: (
                StyledLine([StyledText(f"{len(ids):>6,}  ", "dim"), StyledText(one_line(name))])
                for name, ids in known.items()
            ),
            json=lambda: {"version": SCHEMA_VERSION, "collections": listed},
            csv=lambda: [("name", "articles"), *((n, len(ids)) for n, ids in known.items())],
        ),
        options,
    )
    if not known and options.output is OutputFormat.TEXT:
        print_message(_("There are no collections. Create one with: newsgrep collect NAME QUERY"))
    return 0 if known else 1


def _list_one(options: CollectOptions, name: str) -> int:
    spelled = _spelled(options, name)
    annotations = read_annotations(options.index)
    inside = [each for each in annotations.values() if spelled in each.collections]
    if not inside:
        raise UsageError(
            "There is no collection “{name}”. Add articles with: newsgrep collect "
            "{name} ARTICLE...",
            name=one_line(name),
        )
    with options.index.open() as engine:
        found = engine.find_file_records([each.id for each in inside])
        indexed = {each.article_id or "" for each in found}
    print_result(
        Rendering(
            text=lambda: (line for each in inside for line in _lines(each, indexed)),
            json=lambda: {
                "version": SCHEMA_VERSION,
                "name": spelled,
                "articles": [_object(each, indexed) for each in inside],
            },
            csv=lambda: _rows(inside),
        ),
        options,
    )
    return 0


def _lines(annotation: Annotation, indexed: set[str]) -> Iterator[StyledLine]:
    gone = "" if annotation.id in indexed else _("  (not in the index now)")
    yield StyledLine(
        [
            StyledText(f"{annotation.id[:SHORT_ID]}  ", "dim"),
            StyledText(one_line(annotation.title), "title"),
            StyledText(gone, "dim"),
        ]
    )
    for line in filter(None, annotation.note.split("\n")):
        yield StyledLine([StyledText(one_line(line))], SHORT_ID + 2)


def _rows(annotations: list[Annotation]) -> Iterator[Sequence[object]]:
    yield Annotation._fields
    for each in annotations:
        names = "; ".join(each.collections)
        yield (each.id, each.title, each.url or "", FilePath(each.path), names, each.note)


def _object(annotation: Annotation, indexed: set[str]) -> Mapping[str, object]:
    return {**annotation._asdict(), "indexed": annotation.id in indexed}


# note


class NoteOptions(IndexOptions, OutputOptions):
    """The options of ``newsgrep note``."""

    name: str
    words: tuple[str, ...]
    remove: bool


@click.command("note", cls=QueryCommand, short_help="Write notes on articles.")
@click.argument(
    "name", metavar="[ARTICLE]", required=False, default="", shell_complete=completing("article")
)
@click.argument("words", metavar="[TEXT...]", nargs=-1)
@click.option("--remove", is_flag=True, help="Remove the note.")
@output_options(OutputFormat.JSON, OutputFormat.CSV)
@index_option
@pass_options(NoteOptions)
def note_command(options: NoteOptions) -> int:
    """Write TEXT as the note on an article, print its note, or list all notes.

    ARTICLE is a number, id, path, address or title as for newsgrep show, which prints the note,
    too. Notes are kept beside the index and stay when it is rebuilt or deleted.

    \b
    newsgrep note 3 "compare with the printed edition"
    newsgrep note 3
    newsgrep note
    """
    if not options.name:
        noted = [each for each in read_annotations(options.index).values() if each.note]
        return _print_notes(noted, options)
    with options.index.open() as engine:
        article = find_article(engine, options.index, options.name)
        if article is None:
            print_message(describe_missing(engine, options.name, options.index.where))
            return 1
    if options.remove or options.words:
        if options.remove and options.words:
            raise UsageError("--remove takes no TEXT. Leave it out.")
        write_note(options.index, article, query_text(options.words).strip())
        return 0
    annotation = read_annotations(options.index).get(article.id)
    noted = [annotation] if annotation and annotation.note else []
    return _print_notes(noted, options, _("on {id}", id=article.id))


def _print_notes(noted: list[Annotation], options: NoteOptions, where: str = "") -> int:
    indexed = {each.id for each in noted}
    print_result(
        Rendering(
            text=lambda: (line for each in noted for line in _lines(each, indexed)),
            json=lambda: {
                "version": SCHEMA_VERSION,
                "notes": [each._asdict() for each in noted],
            },
            csv=lambda: _rows(noted),
        ),
        options,
    )
    if not noted and options.output is OutputFormat.TEXT:
        what = _("There is no note {where}", where=where) if where else _("There are no notes")
        print_message(_("{what}. Write one with: newsgrep note ARTICLE TEXT", what=what))
    return 0 if noted else 1
