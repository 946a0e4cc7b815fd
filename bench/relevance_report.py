"""The results of :mod:`bench.relevance` as a page of Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def markdown(result: Mapping[str, Any]) -> str:
    """Return the tables that there are, with what must be known to read them."""
    machine = result["machine"]
    lines = [
        "# How well newsgrep ranks",
        "",
        (
            f"{machine['date']}, newsgrep {machine['commit']}, Python {machine['python']}. "
            "± is the standard error over the questions; “above” is the mean difference to the "
            "baseline, question by question. Anew: `.venv/bin/python -m bench.relevance`; "
            "what is compared with what stands in [the bench's README](../README.md)."
        ),
        "",
    ]
    if "known" in result:
        lines += _known(result)
    if "related" in result:
        lines += _related(result["related"])
    return "\n".join(lines)


def _known(result: Mapping[str, Any]) -> list[str]:
    lines = ["## Known items: titles as queries, without titles in what is searched", ""]
    for group, row in result["known"].items():
        lines += [
            f"### {group}: {row['items']:,} titles",
            "",
            "| | MRR@10 | above | recall@10 | among the best 100 |",
            "| --- | --- | --- | --- | --- |",
        ]
        for method, told in row["methods"].items():
            cells = (_shown(told[key]) for key in ("mrr", "more", "recall", "among_100"))
            lines.append(f"| {method} | {' | '.join(cells)} |")
        lines.append("")
    took = f"The second look takes {result['second_look_ms']:.1f} ms by the clock at the median"
    return [
        *lines,
        f"{took}, with reading its hundred texts, while others worked on the machine.",
        "",
    ]


def _related(related: Mapping[str, Any]) -> list[str]:
    return [
        f"## Related articles: {related['articles']:,} articles that link to others",
        "",
        "| | recall@10 |",
        "| --- | --- |",
        *(f"| {method} | {_shown(told)} |" for method, told in related["recall"].items()),
        f"| difference | {_shown(related['more'])} |",
        "",
        f"`similar` takes {related['ms']:.0f} ms of CPU an article in the mean.",
        "",
    ]


def _shown(value: tuple[float, float]) -> str:
    return f"{value[0]:.4f} ± {value[1]:.4f}"
