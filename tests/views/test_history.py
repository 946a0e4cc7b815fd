"""The history of an article and the difference of two versions, in every form."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgrep.errors import UsageError
from newsgrep.models import Article, Version
from newsgrep.terminal import Screen, format_plain
from newsgrep.views.history import (
    difference_to_json,
    difference_to_text,
    make_difference,
    make_history,
    to_json,
    to_text,
)
from tests.support.factories import make_article
from tests.support.schemas import load_schema, schema_errors

SCREEN = Screen(80)
PARAGRAPHS = ("晚班每天两班。", "票价不变。", "乘客可在码头购票。", "咨询电话见公告。")
BODY = "\n\n".join(PARAGRAPHS)
EARLIER = Version(
    "2024-05-16T08:00:00Z", "渡轮拟增开晚班", BODY.replace("两", "三"), "/archive/1.html", "01"
)
LATER = Version("2024-05-17T08:00:00Z", "渡轮增开晚班", BODY, "/archive/2.html", "02")
FERRY = make_article(
    "ferry", "渡轮增开晚班", f"{BODY}\n\n雨天停航。", path="/archive/3.html"
)._replace(
    fetched="2024-05-18T08:00:30Z",
    versions=(EARLIER, LATER),
)


def text_of(found: Article, *numbers: int) -> list[str]:
    difference = make_difference(found, numbers)
    assert difference
    return list(format_plain(difference_to_text(difference, marks=True)))


def test_history_lists_versions_with_the_size_of_changes() -> None:
    assert list(format_plain(to_text(make_history(FERRY), SCREEN, marks=True))) == [
        "渡轮增开晚班",
        "id: ferry · 3 versions",
        "  1  2024-05-16 16:00 +08:00  35 characters  /archive/1.html",
        "  2  2024-05-17 16:00 +08:00  −2 +2 characters  /archive/2.html",
        "     title: 渡轮[-拟-]增开晚班",
        "  3  2024-05-18 16:00 +08:00  −0 +5 characters  /archive/3.html",
    ]


def test_history_as_json_matches_the_schema() -> None:
    shown = to_json(make_history(FERRY))
    assert schema_errors(shown, load_schema("history")) == []
    assert [each["title_changed"] for each in shown["versions"]] == [False, True, False]
    assert [(each["removed"], each["added"]) for each in shown["versions"]] == [
        (0, 0),
        (2, 2),
        (0, 5),
    ]
    unknown = make_history(make_article("reef", "珊瑚礁"))
    assert schema_errors(to_json(unknown), load_schema("history")) == []


def test_difference_shows_changed_paragraphs_and_their_neighbours() -> None:
    assert text_of(FERRY, 1, 2) == [
        "渡轮[-拟-]增开晚班",
        "version 1 (2024-05-16 16:00 +08:00) → version 2 (2024-05-17 16:00 +08:00)",
        "id: ferry · 2 characters removed, 2 added",
        "",
        "晚班每天[-三班-]{+两班+}。",
        "",
        "票价不变。",
        "",
        "… 2 unchanged paragraphs",
    ]


def test_difference_is_of_the_last_two_versions_or_those_named() -> None:
    assert text_of(FERRY)[-3:] == ["咨询电话见公告。", "", "{+雨天停航。+}"]
    assert text_of(FERRY)[1].startswith("version 2 (")
    assert text_of(FERRY, 1)[1].endswith("version 3 (2024-05-18 16:00 +08:00)")
    assert text_of(FERRY, 3, 2)[-1] == "[-雨天停航。-]"
    assert make_difference(FERRY._replace(versions=())) is None


@pytest.mark.parametrize("numbers", [(0,), (4,), (1, 4), (-1, 1)])
def test_unknown_versions_are_an_error(numbers: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="it has versions 1 to 3"):
        make_difference(FERRY, numbers)
    with pytest.raises(UsageError, match="it has one version"):
        make_difference(FERRY._replace(versions=()), (2,))


def test_a_line_break_that_is_removed_has_a_mark() -> None:
    joined = LATER._replace(body=BODY.replace("\n\n", "", 1))
    shown = text_of(FERRY._replace(versions=(LATER, joined), body=joined.body), 1, 2)
    assert "晚班每天两班。[-¶-]" in shown


@settings(deadline=None)
@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_difference_of_any_texts_has_all_forms(
    title: str, body: str, other_title: str, other_body: str
) -> None:
    found = FERRY._replace(title=title, body=body)
    found = found._replace(versions=(Version("", other_title, other_body, "/a", ""),))
    for line in (*text_of(found), *format_plain(to_text(make_history(found), SCREEN, marks=True))):
        assert "\n" not in line
        assert "\x1b" not in line
    difference = make_difference(found)
    assert difference
    assert schema_errors(difference_to_json(difference), load_schema("diff")) == []
