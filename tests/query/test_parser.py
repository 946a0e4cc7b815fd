"""A query is parsed as expected, or the error gives its position and a remedy."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.errors import QueryError
from newsgrep.query import ast
from newsgrep.query.ast import conditions, describe, positive_texts, scoring_terms
from newsgrep.query.parser import Query, parse
from newsgrep.query.warnings import split_word_notes


@pytest.mark.parametrize(
    ("typed", "parsed"),
    [
        ("联合声明", "联合声明"),
        ("聯合聲明", "联合声明"),
        ("渔业 台风", "渔业 AND 台风"),
        ("渔业 AND 台风", "渔业 AND 台风"),
        ("两岸渔业声明", "(两岸 AND 渔业 AND 声明)"),
        ('"两岸渔业声明"', '"两岸渔业声明"'),
        ("“渔业声明”", '"渔业声明"'),
        ("＂渔业声明＂", '"渔业声明"'),
        ("「漁業聲明」", '"渔业声明"'),
        ("『漁業聲明』", '"渔业声明"'),
        ('"他说：「好」"', '"他说:「好」"'),
        ("渔业 OR 台风", "渔业 OR 台风"),
        ("渔业 OR 台风 学校", "渔业 OR (台风 AND 学校)"),
        ("(渔业 OR 台风) 学校", "(渔业 OR 台风) AND 学校"),
        ("（渔业 OR 台风）学校", "(渔业 OR 台风) AND 学校"),
        ("渔业 -台风", "渔业 AND NOT 台风"),
        ("渔业 －台风", "渔业 AND NOT 台风"),
        ("渔业 NOT 台风", "渔业 AND NOT 台风"),
        ('-"台风"', '* AND NOT "台风"'),
        ("NOT NOT 台风", "台风"),
        ("-(渔业 台风)", "* AND NOT (渔业 AND 台风)"),
        ("联合声明(全文)", "联合声明 AND 全文"),
        ("GPT-4o", "(gpt AND 4o)"),
        ("covid-19", "(covid AND 19)"),
        ("渔业 / 台风", "渔业 AND 台风"),
        ("渔业 - 台风", "渔业 AND 台风"),
        ("，", '","'),
        ("😀", '"😀"'),
        ("😀 渔业", '"😀" AND 渔业'),
        ("or and not", "or AND and AND not"),
        ("title:渔业", "title:渔业"),
        ('BODY："渔业"', 'body:"渔业"'),
        ("caption:(渔业 台风)", "caption:渔业 AND caption:台风"),
        ("source:BBC 渔业", 'source:"bbc" AND 渔业'),
        ("-source:BBC", '* AND NOT source:"bbc"'),
        ("date:2024", "date:2024-01-01..2024-12-31"),
        ("date:2024-02", "date:2024-02-01..2024-02-29"),
        ("date:2024-2-9", "date:2024-02-09"),
        ("date:2024-05..2024-06", "date:2024-05-01..2024-06-30"),
        ("date:..2021", "date:..2021-12-31"),
        ("date:2021..", "date:2021-01-01.."),
        ("since:2024-05 until:2024-06", "date:2024-05-01.. AND date:..2024-06-30"),
        ("网址http://a.example", "(网址 AND http AND a AND example)"),
        ("10:30", "(10 AND 30)"),
    ],
)
def test_parse(typed: str, parsed: str) -> None:
    assert describe(parse(typed).root) == parsed


def test_parse_with_any_word() -> None:
    assert describe(parse("渔业 台风", any_word=True).root) == "渔业 OR 台风"
    found = describe(parse("两岸渔业 台风 -学校 source:BBC", any_word=True).root)
    assert found == '((两岸 OR 渔业) OR 台风) AND NOT 学校 AND source:"bbc"'
    assert describe(parse("渔业 AND 台风", any_word=True).root) == "渔业 AND 台风"
    found = describe(parse("渔业 台风 (source:a OR source:b)", any_word=True).root)
    assert found == '(渔业 OR 台风) AND (source:"a" OR source:"b")'


@pytest.mark.parametrize(
    ("typed", "position", "remedy"),
    [
        ("", 0, "type a word"),
        ("   ", 0, "type a word"),
        ('"', 0, "close it"),
        ('渔业 "台风', 3, "close it"),
        ("渔业 “台风", 3, "close it"),
        ("「台风", 0, "close it"),
        ('""', 0, "type what to find"),
        ("(渔业", 0, "close it"),
        ("渔业)", 2, "quote the text"),
        ("()", 0, "type a word"),
        ("渔业 OR", 3, "OR needs"),
        ("OR 渔业", 0, "OR needs"),
        ("AND", 0, "AND needs"),
        ("渔业 AND", 3, "AND needs"),
        ("渔业 NOT", 3, "Nothing to exclude"),
        ("渔业 NOT，", 3, None),
        ("title:", 0, "value"),
        ("source:(a b)", 0, "one value"),
        ("date:2024-13", 10, "months go from 1 to 12"),
        ("date:gestern", 5, "YYYY-MM-DD"),
        ("渔业 date:2024..2023", 14, "swap the two dates"),
        ("date:..", 5, "has no date"),
        ("(" * 60 + "渔" + ")" * 60, 50, "nested"),
    ],
)
def test_parse_error_has_position_and_remedy(typed: str, position: int, remedy: str | None) -> None:
    if remedy is None:
        parse(typed)  # a word that begins with NOT is a word
        return
    with pytest.raises(QueryError, match=remedy) as caught:
        parse(typed)
    assert caught.value.position == position
    assert caught.value.query == typed


@settings(max_examples=1000, deadline=None)
@given(
    st.text(
        st.one_of(
            st.characters(),
            st.sampled_from('"“”「」()（） -－:：ORANDT*?/~渔业gpt\t\n\u3000'),
        ),
        max_size=60,
    )
)
def test_parse_accepts_or_rejects_any_string(typed: str) -> None:
    query, error = parse_or_error(typed)
    if error is None:
        assert query is not None
        assert describe(query.root)
        assert parse(typed) == query
    else:
        assert error.position is not None
        assert 0 <= error.position <= len(typed)
        assert str(error).endswith((".", "”"))


def parse_or_error(typed: str) -> tuple[Query | None, QueryError | None]:
    try:
        return parse(typed), None
    except QueryError as error:
        return None, error


def test_parse_takes_bounded_time() -> None:
    for typed in ("渔" * 50_000, "(" * 50_000, "-" * 50_000, "a OR " * 10_000 + "a", '"' * 50_000):
        started = time.perf_counter()
        parse_or_error(typed)
        assert time.perf_counter() - started < 10


def test_scoring_terms_skip_excluded_texts() -> None:
    root = parse('渔业 -"台风" -(学校 OR 铁路) "两岸渔业"').root
    assert scoring_terms(root) == ["渔业", "两岸"]
    assert [describe(text) for text in positive_texts(root)] == ["渔业", '"两岸渔业"']


def test_parse_refuses_regex_without_narrowing() -> None:
    for query in (r"/\d+/", r"水 OR /\d+/", r"-/\d+/", r"/a/ /b/", r"/\d/ -水"):
        with pytest.raises(QueryError, match="--scan") as error:
            parse(query)
        assert query[error.value.position or 0] == "/"
        parse(query, scan=True)
    for query in (r"/\d+年/", r"水 /\d+/", r"date:2024 /a/", r"/\d/ NEAR 水", r"(/a/ OR /水/) b"):
        parse(query)


@pytest.mark.parametrize(
    "query",
    [
        "a NEAR",
        "NEAR b",
        "a NEAR OR b",
        "a NEAR/5000 b",
        "a NEAR/ b",
        "(a b) NEAR c",
        "(a OR date:2024) NEAR c",
        "a ADJ date:2024",
        "-a NEAR b",
        "~水",
        "~ab",
    ],
)
def test_parse_error_of_near_has_position(query: str) -> None:
    with pytest.raises(QueryError, match=r"[.!]$") as error:
        parse(query)
    assert 0 <= (error.value.position or 0) <= len(query)


def test_parse_takes_lone_tilde_as_punctuation() -> None:
    assert parse("~ abc a ~").root == parse("abc a").root


# All articles


@pytest.mark.parametrize("text", ["*", "＊", " * ", "(*)"])
def test_star_is_all_articles(text: str) -> None:
    assert parse(text).root == ast.MatchAll()


def test_star_beside_other_conditions_changes_nothing() -> None:
    both = parse("渔业 * source:汀海").root
    assert isinstance(both, ast.And)
    assert [child for child in both.children if child != ast.MatchAll()] == list(
        conditions(parse("渔业 source:汀海").root)
    )
    assert not isinstance(parse('"*"').root, ast.MatchAll)
    assert not isinstance(parse("gov*").root, ast.MatchAll)
    with pytest.raises(QueryError, match="title: needs a word"):
        parse("title:*")


# Fields with other names


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("after:2024-05", "since"),
        ("before:2025", "until"),
        ("来源:汀海", "source"),
        ("來源：汀海", "source"),
        ("site:汀海", "source"),
        ("titel:声明", "title"),
        ("intitle:声明", "title"),
        ("Autor:宁远舟", "author"),
        ("日期:2024", "date"),
    ],
)
def test_unknown_field_names_the_probable_one(text: str, field: str) -> None:
    (warning,) = parse(text).warnings
    assert warning.startswith("Unknown field “")
    assert warning.endswith(f":”, searched for as text. Did you mean {field}:?")


@pytest.mark.parametrize("value", ["title", "Body", "2024-05", "7d"])
def test_blank_after_changed_has_a_warning(value: str) -> None:
    (warning,) = parse(f"渔业 changed: {value}").warnings
    assert f"write changed:{value} without a blank" in warning
    assert parse(f"changed:{value} 渔业").warnings == ()
    assert parse("changed: 渔业").warnings == parse("changed:").warnings == ()


def test_unknown_field_without_a_similar_one_lists_all() -> None:
    (warning,) = parse("foo:bar").warnings
    assert "Fields are title, body, " in warning


@pytest.mark.parametrize("text", ["专访：王五", "at10:30", "http://a.example", "比分3:2", "十:十"])
def test_text_with_a_colon_is_not_a_field(text: str) -> None:
    assert parse(text).warnings == ()


@pytest.mark.parametrize(
    ("typed", "noted"),
    [
        ("大数据", ["大 AND 数据"]),
        ("大数据 OR 渔业", ["大 AND 数据"]),
        ("GPT-4", ["gpt AND 4"]),
        ('"大数据" 渔业', []),
        ("-大数据", []),
        ("两岸渔业声明", []),
        ("我在汀海的家里数鱼", []),
    ],
)
def test_split_words_are_noted(typed: str, noted: list[str]) -> None:
    notes = list(split_word_notes(parse(typed).root))
    assert len(notes) == len(noted)
    assert all(part in note for part, note in zip(noted, notes, strict=True))
