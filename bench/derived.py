"""Figures derived from measurements: per article, per question, right and wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.measure import median
from bench.peers.base import Inputs
from bench.questions import Question


def correctness(
    answers: Mapping[str, Any], truth: Mapping[str, Any], questions: Sequence[Question]
) -> dict[str, list[int]]:
    """Return for each quoted question how many hits are expected, found, and extra."""
    counts: dict[str, list[int]] = {}
    indexed_for: Mapping[str, str] = truth["indexed_for"]
    for question in questions:
        answer = answers.get(question.name, {})
        if question.is_checked and "paths" in answer:
            expected = set(truth["containing"][question.quoted])
            found = {indexed_for.get(path, path) for path in answer["paths"]}
            counts[question.name] = [
                len(expected), len(found & expected), len(found - expected)
            ]  # fmt: skip
    return counts


def index_figures(index: Mapping[str, Any], inputs: Inputs) -> dict[str, Any]:
    """Return what indexing took, also per article."""
    articles = inputs.cleaned.articles
    return {
        **index,
        "per_second": articles / median(index["seconds"]),
        "cpu_ms": 1000 * median(index["cpu_seconds"]) / articles,
        "size_ratio": index["size"] / max(1, inputs.cleaned.text_bytes),
    }


def warm_figures(timed: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, list[float]]:
    """Return for each question median and worst ms of a page of hits, and the median count."""
    return {
        name: [median(kinds["page"]), max(kinds["page"]), median(kinds["count"])]
        for name, kinds in timed.items()
        if kinds["page"]
    }


def rounded(value: Any) -> Any:
    """Return a value of JSON with its numbers rounded to three places."""
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return [rounded(part) for part in value] if isinstance(value, list) else value
