"""What is told of measurements: per article, per question, right and wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bench.measure import median
from bench.peers.base import Inputs
from bench.questions import Question


def is_checked(question: Question) -> bool:
    """Return whether brute force says which articles are right."""
    return bool(question.quoted) and question.is_plain


def correctness(
    answers: Mapping[str, Any], truth: Mapping[str, Any], questions: Sequence[Question]
) -> dict[str, dict[str, int]]:
    """Return for each quoted question how many hits are expected, found, and extra."""
    told: dict[str, dict[str, int]] = {}
    stands_for: Mapping[str, str] = truth["stands_for"]
    for question in questions:
        answer = answers.get(question.name, {})
        if is_checked(question) and "paths" in answer:
            expected = set(truth["holding"][question.quoted])
            found = {stands_for.get(path, path) for path in answer["paths"]}
            told[question.name] = {
                "expected": len(expected),
                "found": len(found & expected),
                "extra": len(found - expected),
            }
    return told


def index_figures(index: Mapping[str, Any], inputs: Inputs) -> dict[str, Any]:
    """Return what indexing took, and that for each article; CPU time with a server's own."""
    servers = index.get("server_cpu_seconds", [0.0] * len(index["seconds"]))
    cpu = [own + server for own, server in zip(index["cpu_seconds"], servers, strict=True)]
    return {
        **index,
        "per_second": inputs.cleaned.articles / median(index["seconds"]),
        "cpu_ms": 1000 * median(cpu) / inputs.cleaned.articles,
        "size_ratio": index["size"] / max(1, inputs.cleaned.text_bytes),
    }


def warm_figures(timed: Mapping[str, Any]) -> dict[str, dict[str, dict[str, float]]]:
    """Return median and worst of each warm question, with hits and only counted."""
    return {
        name: {kind: _spread(values) for kind, values in kinds.items()}
        for name, kinds in timed["answers"].items()
    }


def _spread(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {"median": float("nan"), "worst": float("nan"), "runs": 0}
    return {
        "median": round(median(values), 3),
        "worst": round(max(values), 3),
        "runs": len(values),
    }
