"""``newsgrep stats``: what an index holds."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from newsgrep._io import to_json
from newsgrep.cli.options import index_option
from newsgrep.engines.base import FACETS, Engine, EngineRequest, Order
from newsgrep.index.location import Index
from newsgrep.index.store import index_size, open_index, read_manifest
from newsgrep.query.ast import DateRange, MatchAll
from newsgrep.terminal import one_line, write
from newsgrep.views.hits import SCHEMA_VERSION, shown_date

_MAX_SOURCES = 10


@click.command(short_help="Tell what the index holds.")
@click.option("--json", "as_json", is_flag=True, help="All of it as one JSON object.")
@index_option
def command(as_json: bool, trust: bool, index: Index) -> int:
    """Tell how many articles, from which sources and times, and what made the index.

    \b
    newsgrep stats
    newsgrep stats --json | jq .sources
    """
    manifest = read_manifest(index)
    with open_index(index, trust=trust) as engine:
        told = _gather(engine)
    told |= {
        "bytes": index_size(index),
        "engine": manifest.engine,
        "made_by": manifest.made_by,
        "fingerprint": manifest.analyser,
    }
    if as_json:
        write(to_json({"version": SCHEMA_VERSION, "index": str(index), **told}, indent=2))
    else:
        _print_stats(told, index)
    return 0 if told["articles"] else 1


def _gather(engine: Engine) -> dict[str, Any]:
    page = engine.search(EngineRequest(MatchAll(), limit=0, facets=FACETS))
    months = sorted(page.facets["month"])
    dated = DateRange(None, None)
    ends = []
    for order in (Order.OLDEST, Order.NEWEST):
        found = engine.search(EngineRequest(dated, order, limit=1)).candidates
        ends.append(shown_date(engine.get([found[0].id])[0]) if found else None)
    statuses = Counter(stamp.status.value for stamp in engine.stamps())
    return {
        "articles": page.total,
        "files": dict(sorted(statuses.items())),
        "oldest": ends[0],
        "newest": ends[1],
        "undated": dict(months).get("", 0),
        "sources": dict(page.facets["source"]),
        "months": {month: count for month, count in months if month},
    }


def _print_stats(told: dict[str, Any], index: Index) -> None:
    sources: dict[str, int] = told["sources"]
    write(f"index        {one_line(str(index))} ({_format_bytes(told['bytes'])})")
    write(f"articles     {told['articles']:,}")
    write("files        " + ", ".join(f"{count:,} {name}" for name, count in told["files"].items()))
    if told["oldest"]:
        write(f"published    {told['oldest']} to {told['newest']}")
    write(f"months       {len(told['months']):,}")
    if told["undated"]:
        write(f"undated      {told['undated']:,}")
    write(f"sources      {len(sources):,}")
    for name, count in list(sources.items())[:_MAX_SOURCES]:
        write(f"  {count:>9,}  {one_line(name) or '(unknown)'}")
    if len(sources) > _MAX_SOURCES:
        write(f"             … and {len(sources) - _MAX_SOURCES:,} more: --json lists all")
    write(f"engine       {told['engine']}, made by newsgrep {told['made_by']}")
    fingerprint = ", ".join(f"{name} {value}" for name, value in told["fingerprint"].items())
    write(f"fingerprint  {fingerprint}")


def _format_bytes(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
