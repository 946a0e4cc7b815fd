"""Shortcuts for simple Markdown, front matter and lines give what the long way gives."""

from __future__ import annotations

import importlib.util

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.analysis.characters import fold
from newsgrep.extraction.dates import forms, months
from newsgrep.extraction.dates import lines as date_lines
from newsgrep.extraction.formats import markdown
from newsgrep.extraction.frontmatter import dialects

MARKDOWN = [
    "**", "**", "*", "字", "a", "1", "1.", "1)", "- ", "-", "。", "“", "（", ")", " ", "  ",
    "\n", "\n\n", "\n\n", "<!--x-->", "<!-->", "\u3000", "\xa0", ">", '"', "!", "]", "|",
    "---", "===", "# ", "+", "=", "\t", "\x0b", "\x85", "\u2028", "~", "_", "{", "；", "é",
    "１", "²", "\u0301", "\u200b", "<", "&", "[x]", "\\", "`",
]  # fmt: skip
YAML = [
    "title", "a", "x-y", ": ", ": ", ":", " ", '"', '"a b"', "字", "\n",
    "2019-10-17T08:09:48+01:00", "https://a.b/c?d=e#g", "[ ", "[", "]", " ]", ", ", ",", "- ",
    "#", " #", "&", "*", "!", "null", "~", "1.5", "'", "\\", "%", "|", ">", "{", "\t", "\xa0",
    "\u3000", "\x85", "\ufeff", "é", "_", ".", "/", "+", "\x07", "---", "<<", "\ue000", "１",
    "²", "&amp;",
]  # fmt: skip
DATES = [
    "2024", "2024", "年", "5", "5", "月", "16", "日", "May ", "may", "th", "of ", "/", "-", ".",
    " ", "，", "。", "！", "五", "三十", "桥", "民國", "113", "tháng ", "14:30", "Published", "：",
    "５", "／", "．", "\u3000", "мая ", "18 ", "令和", "元", "号", "gada ", "T", "(", ")", "星期四",
]  # fmt: skip


@given(st.lists(st.sampled_from(MARKDOWN), max_size=14).map("".join))
@settings(deadline=None, max_examples=500)
def test_paragraphs_only_equals_parser(text: str) -> None:
    simple = markdown.paragraphs_only(text)
    if simple is not None:
        assert simple.rstrip("\n") == markdown.commonmark_parser().render(text).rstrip("\n")


lines = st.tuples(
    st.sampled_from(["title: ", "date: ", "a: ", "a:", ""]),
    st.lists(st.sampled_from(YAML), max_size=5).map("".join),
).map("".join)


@given(st.lists(lines, max_size=4).map("\n".join))
@settings(deadline=None, max_examples=500)
def test_parse_simple_equals_yaml(block: str) -> None:
    simple = dialects.parse_simple(block)
    if simple is not None:
        assert list(simple.items()) == list((dialects.parse_yaml(block) or {}).items())


def test_yaml_without_c_part_is_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(yaml, "CSafeLoader")
    found = importlib.util.find_spec(dialects.__name__)
    assert found is not None
    assert found.loader is not None
    plain = importlib.util.module_from_spec(found)
    found.loader.exec_module(plain)
    for block in (
        'title: "“雪”“冰”两场"\ndate: 2026-02-23\ntags: [ a, b ]',
        "a: &x [1, !!bool y]\nb: *x\n<<: {c: ~}\n标题: |\n  一\n  二",
        "",
    ):
        assert plain.load_yaml(block) == dialects.load_yaml(block)
    for wrong in ("a: [", "a: *b", "a: " + "[" * 5000):
        with pytest.raises(ValueError, match="not valid YAML"):
            plain.load_yaml(wrong)


def test_bulletin_needs_no_parser() -> None:
    block = (
        'title: "“雪”“冰”两场"\ndate: 2026-02-23\n'
        "from: https://a.example/2026/x.shtml\ntags: [ a, b ]\n"
    )
    assert dialects.parse_simple(block) == {
        "title": ("“雪”“冰”两场",),
        "date": ("2026-02-23",),
        "from": ("https://a.example/2026/x.shtml",),
        "tags": ("a", "b"),
    }
    text = (
        '<!--begin-->\n\n**消息**（联播）：他说"好"。\n\n'
        "**小标题！**\n\n2026年，3>2。 \n<!--end-->\n"
    )
    assert markdown.paragraphs_only(text) == (
        "<!--begin-->\n<p><strong>消息</strong>（联播）：他说&quot;好&quot;。</p>\n"
        "<p><strong>小标题！</strong></p>\n<p>2026年，3&gt;2。</p>\n<!--end-->\n"
    )


@given(st.lists(st.sampled_from(DATES), max_size=10).map("".join))
@settings(deadline=None, max_examples=2000)
def test_every_day_passes_the_quick_test(text: str) -> None:
    plain = forms.plain_signs(text)
    found = [
        forms.build_date(match, plain, None)
        for form in (forms._CHINESE, *forms._NUMERIC_FORMS, *forms._FORMS_WITH_NAMES)
        for match in form.finditer(plain)
    ]
    if any(each and each.stated.has_day for each in found):
        assert forms.may_state_day(text)
    with_names = [
        match
        for form in forms._FORMS_WITH_NAMES
        for match in form.finditer(plain)
        if forms.build_date(match, plain, None)
    ]
    assert not with_names or months.names_month(plain)


@given(st.lists(st.sampled_from(DATES), max_size=10).map("".join))
@settings(deadline=None, max_examples=2000)
def test_prose_is_a_sentence_around_its_dates(text: str) -> None:
    found = forms.find_dates(text)
    if found and date_lines.is_prose(text):
        assert date_lines._is_sentence(fold(text), found, labelled=True)
