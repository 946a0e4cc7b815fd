"""Functions of the query tree."""

from __future__ import annotations

from datetime import date

import pytest

from newsgrep.models import month_index, month_span
from newsgrep.query.ast import Phrase, Wildcard, conditions, describe, is_filter
from newsgrep.query.parser import parse
from newsgrep.query.warnings import query_warnings


@pytest.mark.parametrize(
    ("query", "with_exclusions", "without"),
    [
        ("水", False, False),
        ('"水" source:a', False, False),
        ("source:a", True, True),
        ("source:a OR tag:b", True, True),
        ("date:2024 id:x url:b", True, True),
        ("source:a OR 水", False, False),
        ("-水", True, False),
        ("-source:a", True, True),
        ("-(水 -火)", True, False),
        ("联?水", False, False),
    ],
)
def test_is_filter(query: str, with_exclusions: bool, without: bool) -> None:
    node = parse(query).root
    assert is_filter(node) is with_exclusions
    assert is_filter(node, exclusions=False) is without


def test_conditions_are_those_joined_by_and() -> None:
    found = conditions(parse("水 (source:a tag:b) (火 OR date:2024)").root)
    assert list(map(describe, found)) == [
        "水",
        'source:"a"',
        'tag:"b"',
        "火 OR date:2024-01-01..2024-12-31",
    ]
    assert list(map(describe, conditions(parse("水").root))) == ["水"]


def test_wildcard_terms_are_those_of_every_match() -> None:
    assert Wildcard("联合*gpt?水").terms == ("联合", "水")
    assert Wildcard("gpt*").terms == ()
    assert Phrase("水", ("水",)).is_one_term


@pytest.mark.parametrize(
    ("query", "warning"),
    [
        ("水 or 火", "the operator is OR"),
        ("auhtor:bbc", "Did you mean author:"),
        ("的 了", "nearly every article"),
        ("水 -水", "both required and excluded"),
        ("id:a id:b", "only one id"),
        ("date:2023 date:2024", "no day in common"),
    ],
)
def test_query_warnings(query: str, warning: str) -> None:
    (found,) = parse(query).warnings
    assert warning in found


def test_query_without_doubtful_parts_has_no_warnings() -> None:
    assert parse("水 OR http://a.example -火 date:2024").warnings == ()
    assert query_warnings((), parse("水").root) == ()


def test_month_span_is_first_and_last_day() -> None:
    assert month_span(month_index(date(2024, 2, 10))) == (date(2024, 2, 1), date(2024, 2, 29))
    assert month_span(month_index(date.max)) == (date(9999, 12, 1), date.max)
    assert month_span(month_index(date(2024, 1, 31)) - 1) == (date(2023, 12, 1), date(2023, 12, 31))
    with pytest.raises(ValueError, match="year"):
        month_span(month_index(date.max) + 1)
