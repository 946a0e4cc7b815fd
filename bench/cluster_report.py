"""The results of :mod:`bench.cluster` as tables, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import nan
from typing import Any, Final

from bench.measure import median
from bench.report import Table, number, page
from bench.runner import COLD
from bench.worker import PAGE

MB: Final = 2**20

_COSTS: Final = (
    "loading",
    "articles/s",
    "servers' CPU, ms/article",
    "newsgrep's CPU, ms/article",
    "until all copies are there, s",
    "nothing new, s",
    "load average",
)
_ANSWERS: Final = (
    "searching",
    "warm, ms: median",
    "slowest question",
    "cold --json, ms: median",
    "slowest question",
    "load average",
)
_ROOM: Final = (
    "room",
    "bytes/article, loaded",
    "merged",
    "÷ text, loaded",
    "merged",
    "shards",
    "least heap in use, MB",
    "resident, MB",
)


def tables(result: Mapping[str, Any]) -> list[Table]:
    """Return what loading, searching and keeping costs, one row for each setup."""
    articles, size = result["articles"], result["text_bytes"]
    setups: Mapping[str, Mapping[str, Any]] = result["setups"]
    heading = f"{articles:,} articles of {size / articles:,.0f} bytes of text on average"
    costs = tuple((name, *_costs(told, articles)) for name, told in setups.items())
    answers = tuple((name, *_answers(told)) for name, told in setups.items())
    room = tuple((name, *_room(told, articles, size)) for name, told in setups.items())
    return [
        Table(heading, _COSTS, costs, tuple(_loading_notes(result))),
        Table("Answers", _ANSWERS, answers, tuple(_searching_notes(result))),
        Table("Disk and memory", _ROOM, room, tuple(_room_notes(result))),
    ]


def markdown(result: Mapping[str, Any]) -> str:
    """Return the tables, and each question's latency, in Markdown."""
    heading = "newsgrep on one server of OpenSearch and on three"
    lines = page(heading, result["machine"], [*tables(result), _questions(result)])
    lines += ["", f"- OpenSearch {result['server']}, a heap of {result['heap']} for each server"]
    return "\n".join(lines) + "\n"


def _costs(told: Mapping[str, Any], articles: int) -> Iterator[str]:
    loads: Sequence[Mapping[str, float]] = told["loads"]
    yield f"{articles / _median(loads, 'seconds'):,.0f}"
    yield f"{1000 * _median(loads, 'servers_cpu_seconds') / articles:.2f}"
    yield f"{1000 * _median(loads, 'cpu_seconds') / articles:.2f}"
    yield f"{_median(loads, 'until_green'):.1f}"
    yield f"{told['again']['seconds']:.1f}"
    yield _range(each["load_before"] for each in loads)


def _answers(told: Mapping[str, Any]) -> Iterator[str]:
    for kind in ("warm_ms", "cold_ms"):
        medians = [median(times) for times in told[kind].values()]
        yield f"{median(medians):,.0f}"
        yield f"{max(medians):,.0f}"
    yield f"{told['load_while_asked']:.1f}"


def _room(told: Mapping[str, Any], articles: int, text_bytes: int) -> Iterator[str]:
    sizes = [told.get(when, {}).get("bytes", nan) for when in ("stored", "merged")]
    yield from (number(size / articles, 0) for size in sizes)
    yield from (number(size / text_bytes, 2) for size in sizes)
    yield f"{told['stored']['shards']}"
    yield " + ".join(f"{each / MB:.0f}" for each in told["heap_least"])
    yield " + ".join(f"{each / MB:.0f}" for each in told["resident"])


def _loading_notes(result: Mapping[str, Any]) -> Iterator[str]:
    cores = result["machine"]["cores"]
    yield (
        f"All servers and newsgrep itself share the {cores} cores of one machine: three servers "
        "have no more of them than one. So the rows tell what parts and copies cost, and not how "
        "much faster more machines are."
    )
    yield (
        "Loading: `newsgrep index --jobs 2` as a process, into an index of its own; the median of "
        f"{result['runs']} after one that is not counted. The servers' CPU time goes on until "
        "the cluster is green. Nothing new: the same command again. The load average is the "
        f"system's as each step began; above {cores}, others were at work as well, and the CPU "
        "time tells more than the clock."
    )
    wrong = [
        f"NOT ALIKE: {name} has {told['total']:,} articles."
        for name, told in result["setups"].items()
        if told["total"] != result["articles"]
    ]
    yield from wrong


def _searching_notes(result: Mapping[str, Any]) -> Iterator[str]:
    first = next(iter(result["setups"].values()))
    yield (
        f"Warm: the {len(first['warm_ms'])} questions of questions.toml in turn in one process, "
        f"{PAGE} hits with snippets, {result['rounds']} rounds after one that is not counted; the "
        f"median of the questions' medians, and the highest. Cold: {len(COLD)} questions, each "
        "a process, by turns."
    )


def _room_notes(result: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "Bytes are of all copies. Loaded: as the first command has left it. Merged: each shard "
        f"is one segment. Each server has a heap of {result['heap']}; in use is the least that "
        "was seen after a round of questions, and garbage is in it. Resident is the memory of "
        "each process at the end."
    )


def _questions(result: Mapping[str, Any]) -> Table:
    setups: Mapping[str, Mapping[str, Any]] = result["setups"]
    rows = []
    for kind, word in (("warm_ms", "warm"), ("cold_ms", "cold")):
        asked = next(iter(setups.values()))[kind]
        rows += [
            (f"{word}: {name}", *(f"{median(told[kind][name]):,.1f}" for told in setups.values()))
            for name in asked
        ]
    return Table("Each question, median ms", ("", *setups), tuple(rows))


def _median(loads: Sequence[Mapping[str, float]], what: str) -> float:
    return median([each[what] for each in loads])


def _range(values: Iterable[float]) -> str:
    known = sorted(values)
    return f"{known[0]:.1f} to {known[-1]:.1f}"
