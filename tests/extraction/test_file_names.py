"""Files whose own names say nothing: the title and the date in the name of their folder."""

from __future__ import annotations

import pytest

from newsgrep.extraction.file_names import telling_folder, title_in_folder
from newsgrep.extraction.outlets import load_outlets
from newsgrep.extraction.pipeline import extract_article

TEXT = "港务局昨天表示，新码头将在年内完工，渡轮的班次会随之增加。"
PAGE = f"<html><body><div id='js_content'><p>{TEXT}</p></div></body></html>"


@pytest.mark.parametrize(
    ("path", "folder", "title"),
    [
        ("/a/2024-05-17 渡口的冬天/index.html", "2024-05-17 渡口的冬天", "渡口的冬天"),
        ("/a/[20240517_0830]渡口的冬天/INDEX.HTM", "[20240517_0830]渡口的冬天", "渡口的冬天"),
        ("/a/渡口的冬天-2024年5月7日/index_1.html", "渡口的冬天-2024年5月7日", "渡口的冬天"),
        ("/a/渡口的冬天/article/content.html", "渡口的冬天", "渡口的冬天"),
        ("/a/2008年的渡口记忆/index.md", "2008年的渡口记忆", "2008年的渡口记忆"),
        ("/a/1715914243.5/index.html", "1715914243.5", None),
        ("/a/ferry-in-winter/index.html", "ferry-in-winter", None),
        ("/渡口的冬天/a.html", None, None),
        ("index.html", None, None),
    ],
)
def test_folder_names_its_index_file(path: str, folder: str | None, title: str | None) -> None:
    assert (telling_folder(path), title_in_folder(path)) == (folder, title)


@pytest.mark.parametrize(
    ("folder", "page", "title", "day"),
    [
        ("2024-05-17 渡口的冬天", PAGE, "渡口的冬天", "2024-05-17"),
        ("2024-05-17 渡口的冬天", PAGE.replace("<div", "<h1>渡口</h1><div"), "渡口", "2024-05-17"),
        ("2024/05/17", PAGE, TEXT, "2024-05-17"),
        ("渡口的冬天", PAGE, "渡口的冬天", None),
    ],
)
def test_page_without_a_title_has_that_of_its_folder(
    folder: str, page: str, title: str, day: str | None
) -> None:
    path = f"/a/{folder}/index.html"
    found = extract_article(path, page.encode(), outlets=load_outlets(), mtime=1.8e9)
    assert (found.title, found.published and found.published.iso) == (title, day)
