"""The results of :mod:`bench.cluster` as a table, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any, Final

from bench.report import Table, row_of

_COLUMNS: Final = (
    "",
    "articles/s",
    "CPU ms/article: newsgrep",
    "servers",
    "nothing new, s",
    "warm, ms: median",
    "worst",
    "cold, ms",
    "store, bytes/article",
    "÷ text",
    "shards",
    "least heap used, MB",
    "load average",
)


def table_of(result: Mapping[str, Any]) -> Table:
    """Return one row for each setup."""
    first = next(iter(result["setups"].values()))
    heading = (
        f"{first['articles']:,} articles of {first['text_bytes'] / first['articles']:,.0f} bytes "
        "of text on average"
    )
    rows = tuple(_row(name, told) for name, told in result["setups"].items())
    return Table(heading, _COLUMNS, rows, tuple(_notes(result)))


def _row(name: str, told: Mapping[str, Any]) -> tuple[str, ...]:
    count, loads = told["articles"], told["loads"]
    warm = [median(times) for times in told["warm_ms"].values()]
    cold = [median(times) for times in told["cold_ms"].values()]
    busy = [told["load_while_asked"], *(each["load_before"] for each in loads)]
    return (
        name,
        f"{count / median(each['seconds'] for each in loads):,.0f}",
        f"{1000 * median(each['newsgrep_cpu_seconds'] for each in loads) / count:.2f}",
        f"{1000 * median(each['servers_cpu_seconds'] for each in loads) / count:.2f}",
        f"{told['again']['seconds']:.1f}",
        f"{median(warm):,.0f}",
        f"{max(warm):,.0f}",
        f"{median(cold):,.0f}",
        f"{told['store_bytes'] / count:,.0f}",
        f"{told['store_bytes'] / told['text_bytes']:.2f}",
        f"{told['shards']}",
        " + ".join(f"{each / 2**20:.0f}" for each in told["heap_least"]),
        f"{min(busy):.1f} to {max(busy):.1f}",
    )


def _notes(result: Mapping[str, Any]) -> Iterator[str]:
    cores = result["machine"]["cores"]
    yield (
        f"All servers and newsgrep itself share the {cores} cores of one machine, so that three "
        "servers have no more of them than one: the rows tell what parts and copies cost, and not "
        "how much faster more machines are. The load average is that of the system when each "
        f"step began; above {cores}, others were at work too, and the clock tells less than the "
        "CPU time, which hardly minds."
    )
    yield (
        f"Loading: whole processes, `newsgrep index --jobs 2`, the median of {result['runs']} "
        "after one that is not counted, each into an index of its own. CPU time of the servers "
        "includes making copies, until the cluster is green. Nothing new: the same command again."
    )
    yield (
        f"Warm: {len(result['asked'])} questions of `questions.toml` in turn in one process, ten "
        f"hits with snippets, {result['rounds']} rounds after one that is not counted; the median "
        "and the highest of the questions' medians. Cold: `newsgrep search --json` as a process, "
        f"the median of {len(result['asked_cold'])} questions' medians."
    )
    yield (
        f"Each server has a heap of {result['heap']}. What is told of it is the least seen in "
        "use between the rounds, server by server: garbage is in it. The store counts copies."
    )


def markdown(result: Mapping[str, Any]) -> str:
    """Return the table, what must be known to read it, and each question's latency."""
    notes = result["machine"]
    packages = notes["packages"]
    table = table_of(result)
    lines = [
        "# newsgrep on one server and on three",
        "",
        (
            f"{notes['date']}; {notes['processor']}, {notes['cores']} cores, "
            f"{notes['memory_gb']} GB; {notes['system']}; Python {notes['python']}; newsgrep "
            f"{notes['newsgrep']} ({notes['commit']}); OpenSearch {packages['OpenSearch']}, "
            f"opensearch-py {packages['opensearch-py']}. Anew: "
            "`.venv/bin/python -m bench.cluster`."
        ),
        "",
        f"## {table.heading}",
        "",
        *_drawn(table),
        *(f"\n{note}" for note in table.notes),
        "",
        "## Each question, warm, median ms",
        "",
        *_drawn(_questions(result)),
    ]
    return "\n".join(lines) + "\n"


def _questions(result: Mapping[str, Any]) -> Table:
    setups = result["setups"]
    rows = tuple(
        (name, *(f"{median(told['warm_ms'][name]):,.1f}" for told in setups.values()))
        for name in result["asked"]
    )
    return Table("", ("", *setups), rows)


def _drawn(table: Table) -> Iterator[str]:
    yield row_of(table.columns)
    yield row_of(["---", *["---:"] * (len(table.columns) - 1)])
    yield from map(row_of, table.rows)
