"""Snippets: unchanged text of the article, cut at sentences or words, with matches marked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.analysis.characters import fold
from newsgrep.analysis.segment import query_terms
from newsgrep.models import PARAGRAPH_BREAK, Snippet, Span
from newsgrep.query.ast import Field, Phrase, Terms
from newsgrep.query.match import find_matches, merge_spans
from newsgrep.search.highlight import make_snippets
from newsgrep.terminal import display_width


def cut(text: str, *wanted: str, width: int = 60) -> tuple[Snippet, ...]:
    folded = fold(text)
    texts = [Terms(fold(each), query_terms(fold(each))) for each in wanted]
    return make_snippets(text, folded, find_matches(folded, texts, Field.BODY), width=width)


def marked(snippet: Snippet) -> str:
    text, at = "", 0
    for span in snippet.spans:
        text += snippet.text[at : span.start] + "[" + snippet.text[span.start : span.end] + "]"
        at = span.end
    return text + snippet.text[at:]


STORY = (
    "汀海市与望津市周日为大桥剪彩。这座桥长四公里，历时五年建成。\n\n"
    "两市市长念了同一份聯合聲明，承诺共管大桥、共分收入。"
    "仪式持续了一个小时，随后第一批车辆通过大桥，车流一直排到城外的高速路口。\n\n"
    "渔民说，声明里没有提到渔场。"
)


def test_make_snippets_keeps_original_spelling() -> None:
    (snippet,) = cut(STORY, "联合声明")
    assert "[聯合聲明]" in marked(snippet)
    assert STORY[snippet.offset :].startswith(snippet.text)


def test_make_snippets_cuts_at_sentences() -> None:
    (snippet,) = cut(STORY, "联合声明")
    assert snippet.text == "两市市长念了同一份聯合聲明，承诺共管大桥、共分收入。"
    assert not snippet.cut_before
    assert not snippet.cut_after


def test_make_snippets_adds_only_new_matches() -> None:
    found = cut(STORY, "联合声明", "渔场", "四公里")
    assert [marked(each).count("[") > 0 for each in found] == [True] * len(found)
    assert "".join(each.text for each in found).count("渔场") == 1
    assert len(cut("水。" * 500, "水")) == 1
    assert len(cut("山高。水长。\n\n" + "水。\n\n" * 5 + "路远。", "山", "水", "路", width=8)) <= 3


def test_make_snippets_without_match_shows_lead() -> None:
    (snippet,) = cut(STORY, "不存在")
    assert snippet.offset == 0
    assert snippet.text.startswith("汀海市")
    assert snippet.spans == ()
    assert cut("", "水") == ()


def test_make_snippets_never_cuts_a_word() -> None:
    text = "港口管理局" * 10 + "internationalization" * 3 + "北京大学生联合声明" * 10
    (snippet,) = cut(text, "internationalization" * 3, width=40)
    assert snippet.cut_before
    assert snippet.cut_after
    assert "[" + "internationalization" * 3 + "]" in marked(snippet)
    # Word boundaries: 港口|管理局 before the match, 北京|大学生|联合声明 after it.
    assert snippet.offset % 5 in {0, 2}
    end = snippet.offset + len(snippet.text)
    assert (end - text.index("北京")) % 9 in {0, 2, 5}


def test_make_snippets_marks_whole_literal_only() -> None:
    (snippet,) = cut("中俄会谈。中国的中部。", "中俄", width=80)
    assert marked(snippet) == "[中俄]会谈。中国的中部。"
    (snippet,) = cut("中国与俄国。", "中俄", width=80)
    assert marked(snippet) == "[中]国与[俄]国。"


_TEXTS = st.text(st.sampled_from("水我们爱的渔场声明GPT 4，。；…！?\n"), max_size=300)

_WANTED = st.lists(st.text(st.sampled_from("水渔场声明gpt"), min_size=1), max_size=4)


@settings(max_examples=400, deadline=None)
@given(
    _TEXTS, st.lists(st.text(st.sampled_from("水渔场声明gpt"), min_size=1), max_size=4), st.data()
)
def test_make_snippets_stays_in_one_paragraph(
    text: str, wanted: list[str], data: st.DataObject
) -> None:
    width = data.draw(st.integers(8, 80))
    folded = fold(text)
    matches = find_matches(folded, [Terms(each, query_terms(each)) for each in wanted], Field.BODY)
    found = make_snippets(text, folded, matches, width=width)
    assert len(found) <= 3
    assert bool(found) == bool(text)
    end = 0
    for snippet in found:
        assert text[snippet.offset : snippet.offset + len(snippet.text)] == snippet.text
        assert snippet.offset >= end
        assert PARAGRAPH_BREAK not in snippet.text
        longest = max((display_width(match.text) for match in matches), default=0)
        assert display_width(snippet.text) <= width + width // 3 + longest + 2
        last = 0
        for span in snippet.spans:
            assert last <= span.start < span.end <= len(snippet.text)
            last = span.end
        end = snippet.offset + len(snippet.text)
    if matches:
        assert any(snippet.spans for snippet in found)


@pytest.mark.parametrize(
    ("text", "wanted", "spans"),
    [
        ("水水水", "水", [Span(0, 3)]),
        ("水a水", "水", [Span(0, 1), Span(2, 3)]),
        ("聯合聲明", "联合声明", [Span(0, 4)]),
    ],
)
def test_merge_spans_joins_touching_matches(text: str, wanted: str, spans: list[Span]) -> None:
    assert list(merge_spans(find_matches(fold(text), [Phrase(wanted, ())], Field.BODY))) == spans


def test_make_snippets_keeps_marks_with_their_character() -> None:
    text = "e\u0301" * 200
    (snippet,) = make_snippets(text, text, [], width=40)
    assert snippet.text == "e\u0301" * 40
    assert snippet.cut_after
