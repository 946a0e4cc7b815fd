"""Earlier versions of articles in runs: which texts are kept, in which order."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import pytest

from newsgrep.analysis.versions import all_versions
from newsgrep.models import Article
from tests.support.memory_archive import Archive, Version
from tests.support.simulated_archive import ArticleFile

URL = "https://wugang.example/a/123456.html"
COMMON = "港务局公布了新的泊位安排。" * 4


def captured(day: int, *sentences: str, url: str = URL, title: str = "渔港一周") -> Version:
    """Return a page as it was fetched on a day of May."""
    body = "\n\n".join((COMMON, *sentences))
    return Version(ArticleFile(title, body, url=url), day, f"2024-05-{day:02}T08:00:00Z")


FIRST = captured(1, "渡轮每天开三班。")
SECOND = captured(2, "渡轮每天开四班。")
THIRD = captured(3, "渡轮每天开四班。", "周日停航。")


def article(archive: Archive) -> Article:
    (document,) = archive.articles.values()
    return document.article()


def days(found: Article) -> list[int]:
    """Return the days on which the versions were captured, that of the newest last."""
    times = [each.captured for each in found.versions] + [found.captured]
    return [int(time[8:10]) for time in times]


def run(archive: Archive, **files: Version | None) -> None:
    for name, version in files.items():
        if version is None:
            del archive.files[f"/{name}"]
        else:
            archive.files[f"/{name}"] = version
    archive.update()
    archive.verify()


def test_the_text_of_an_overwritten_file_is_a_version() -> None:
    archive = Archive()
    run(archive, page=FIRST)
    run(archive, page=SECOND)
    (version,) = article(archive).versions
    assert (version.title, version.body) == (FIRST.content.title, FIRST.content.body)
    assert (version.captured, version.path) == (FIRST.fetched, "/page")
    run(archive, page=THIRD)
    assert days(article(archive)) == [1, 2, 3]


@pytest.mark.parametrize("often", [False, True], ids=["one commit", "many commits"])
def test_captures_are_versions_in_any_order(often: bool) -> None:
    again = replace(SECOND, time=4, fetched="2024-05-04T08:00:00Z")
    for order in permutations((FIRST, SECOND, THIRD, again)):
        one_run, many_runs = Archive(commits_often=often), Archive()
        files = {f"file{number}": version for number, version in enumerate(order)}
        run(one_run, **files)
        for name, version in files.items():
            run(many_runs, **{name: version})
        found = article(one_run)
        assert days(found) == [1, 2, 3, 4]
        assert [each.body for each in found.versions] == [
            each.content.body for each in (FIRST, SECOND, THIRD)
        ]
        assert days(article(many_runs)) == [1, 2, 3, 4]


@pytest.mark.parametrize("order", [*permutations((SECOND, THIRD, captured(4, "渡轮停航。")))])
def test_interrupted_runs_lose_no_version(order: tuple[Version, ...]) -> None:
    for groups in range(10):
        archive = Archive(commits_often=True)
        run(archive, page=FIRST)
        archive.files = {"/page": order[0], "/other": order[1], "/third": order[2]}
        archive.update(groups=groups)
        archive.update()
        archive.verify()
        assert days(article(archive)) == [1, 2, 3, 4], groups


def test_an_unchanged_text_is_no_version_but_keeps_its_first_time() -> None:
    archive = Archive()
    run(archive, page=captured(1, "渡轮每天开三班"))
    run(archive, page=captured(2, "渡轮每天，开三班。"))
    assert article(archive).versions == ()
    run(archive, page=captured(3, "渡轮每天开四班。"))
    run(archive, page=captured(4, "渡轮每天开四班！"))
    assert days(article(archive)) == [1, 3]
    assert article(archive).fetched == "2024-05-04T08:00:00Z"


def test_the_same_bytes_keep_their_first_time() -> None:
    archive = Archive()
    unfetched = replace(SECOND, fetched="")
    run(archive, page=replace(FIRST, fetched=""))
    run(archive, page=unfetched)
    time = article(archive).captured
    run(archive, page=replace(unfetched, time=9))
    assert article(archive).captured == time


def test_duplicates_with_the_newest_text_keep_its_first_time() -> None:
    archive = Archive()
    run(archive, a=captured(5, "渡轮每天开四班。"), b=captured(3, "渡轮每天开四班！"), c=FIRST)
    assert days(article(archive)) == [1, 3]


def test_another_title_is_another_version() -> None:
    archive = Archive()
    run(archive, page=captured(1, title="渔港一周"))
    run(archive, page=captured(2, title="渔港一周：泊位"))
    assert [each.title for each in article(archive).versions] == ["渔港一周"]


def test_the_text_of_a_deleted_file_goes() -> None:
    archive = Archive()
    run(archive, a=FIRST, b=SECOND, c=THIRD)
    run(archive, c=None)
    assert days(article(archive)) == [1, 2]
    run(archive, a=None)
    assert days(article(archive)) == [2]
    run(archive, b=None)
    assert archive.articles == {}


def test_versions_of_a_deleted_file_go_with_it() -> None:
    archive = Archive()
    run(archive, a=FIRST, b=THIRD)
    run(archive, a=SECOND)
    assert days(article(archive)) == [1, 2, 3]
    run(archive, a=None)
    assert days(article(archive)) == [3]


def test_a_moved_file_keeps_its_versions() -> None:
    archive = Archive()
    run(archive, a=FIRST)
    run(archive, a=SECOND)
    run(archive, a=None, moved=SECOND)
    assert days(article(archive)) == [1, 2]
    assert article(archive).versions[0].path == "/moved"


def test_a_moved_file_without_an_address_keeps_its_versions() -> None:
    archive = Archive()
    second = captured(2, "渡轮每天开四班。", url="")
    run(archive, a=captured(1, "渡轮每天开三班。", url=""))
    run(archive, a=second)
    run(archive, a=None, moved=second)
    assert days(article(archive)) == [1, 2]
    assert article(archive).versions[0].path == "/moved"


def test_a_copy_keeps_the_version_of_a_deleted_file() -> None:
    archive = Archive()
    run(archive, a=FIRST, copy=FIRST, c=SECOND)
    paths = {each.path for each in article(archive).versions}
    (deleted,) = (path.removeprefix("/") for path in paths)
    run(archive, **{deleted: None})
    assert days(article(archive)) == [1, 2]
    assert {each.path for each in article(archive).versions} == {"/a", "/copy"} - paths


def test_the_same_bytes_are_not_another_version() -> None:
    archive, file = Archive(), replace(FIRST, data="page")
    run(archive, a=file, b=SECOND)
    more = replace(file.content, body=f"{file.content.body}\n\n下周不变。")
    changed = replace(file, content=more, time=9)
    run(archive, a=changed)
    assert days(article(archive)) == [1, 2]
    assert article(archive).versions[0].body == changed.content.body


def test_another_article_at_a_path_is_not_a_version() -> None:
    archive = Archive()
    run(archive, page=captured(1, "渡轮每天开三班。", url=""))
    other = ArticleFile("旧灯塔修复", "工匠们修好了灯塔的旋梯。" * 9)
    run(archive, page=Version(other, 2, ""))
    assert article(archive).title == "旧灯塔修复"
    assert article(archive).versions == ()


def test_an_edited_text_without_an_address_is_a_version() -> None:
    archive = Archive()
    run(archive, page=captured(1, "渡轮每天开三班。", url=""))
    run(archive, page=captured(2, "渡轮每天开四班。", url=""))
    assert days(article(archive)) == [1, 2]


@pytest.mark.parametrize(("keep", "kept"), [(2, [2, 3, 4]), (1, [3, 4]), (0, [4])])
def test_the_latest_versions_are_kept(keep: int, kept: list[int]) -> None:
    fourth = captured(4, "渡轮停航。")
    one_run, many_runs = Archive(keep=keep), Archive(keep=keep)
    run(one_run, a=FIRST, b=SECOND, c=THIRD, d=fourth)
    for version in (FIRST, SECOND, THIRD, fourth):
        run(many_runs, page=version)
    assert days(article(one_run)) == kept
    assert days(article(many_runs)) == kept


def test_a_shorter_text_of_a_later_file_is_the_last_version() -> None:
    archive = Archive()
    run(archive, a=replace(FIRST, fetched=""), b=replace(THIRD, fetched=""))
    run(archive, c=replace(FIRST, fetched="", time=9))
    found = article(archive)
    assert found.path == "/b"
    assert [each.path for each in all_versions(found)] == ["/a", "/b", "/c"]


def test_changed_articles_are_counted() -> None:
    archive = Archive()
    archive.files = {"/a": FIRST}
    assert archive.update().summary(1, 0).changed == 0
    archive.files = {"/a": SECOND}
    assert archive.update().summary(1, 0).changed == 1
    archive.files["/b"] = THIRD
    assert archive.update().summary(1, 0).changed == 1
    assert archive.update().summary(1, 0).changed == 0
