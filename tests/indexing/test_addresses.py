"""Several files at one address: different texts are different articles, and their ids last."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from newsgrep.engines.base import Order, first_match
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.outcomes import Outcome, UpdateSummary
from newsgrep.indexing.server import ServerIndex
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.models import Status
from newsgrep.query.parser import parse
from tests.support import fake_server
from tests.support.simulated_archive import index_contents


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerIndex]:
    monkeypatch.delenv(fake_server.STATE_FILE_VARIABLE, raising=False)
    with fake_server.registered_server():
        yield ServerIndex("opensearch://localhost/news")


STORIES = (
    (
        "苇洲糖厂的锅炉熄了火",
        "苇洲糖厂的锅炉上周熄了火，值夜的老陶把钥匙交给了看门人。",
        "甘蔗还堆在码头，农户说再等五天就要发酸，只好先喂牛。",
        "厂里的会计在黑板上写着欠款的数目，写满一面又翻到背面。",
    ),
    (
        "盐滩上修起一条木栈道",
        "盐滩管委会用旧船板修了一条木栈道，从水闸一直通到观鸟棚。",
        "鸟友嫌栈道太响，走一步咯吱一声，黑脸琵鹭全飞到对岸去了。",
        "甘蔗还堆在码头，农户说再等五天就要发酸，只好先喂牛。",
    ),
    (
        "小学合唱团借渔船排练",
        "礁头小学的合唱团没有教室，老师向亲戚借了一条停航的渔船排练。",
        "鸟友嫌栈道太响，走一步咯吱一声，黑脸琵鹭全飞到对岸去了。",
        "孩子们说船舱里有回声，低音部比在礼堂里唱得还要好。",
    ),
)


def page(head: str, title: str, paragraphs: tuple[str, ...]) -> str:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f'<!DOCTYPE html><html lang="zh"><head><meta charset="utf-8"><title>{title}</title>{head}'
        f"</head><body><h1>{title}</h1><article>{body}</article></body></html>"
    )


def linked(address: str) -> Callable[[str, tuple[str, ...]], tuple[str, str]]:
    def write(title: str, paragraphs: tuple[str, ...]) -> tuple[str, str]:
        return ".html", page(f'<link rel="canonical" href="{address}">', title, paragraphs)

    return write


def open_graph(address: str) -> Callable[[str, tuple[str, ...]], tuple[str, str]]:
    def write(title: str, paragraphs: tuple[str, ...]) -> tuple[str, str]:
        return ".html", page(f'<meta property="og:url" content="{address}">', title, paragraphs)

    return write


def route(title: str, paragraphs: tuple[str, ...]) -> tuple[str, str]:
    number = sum(map(ord, title))
    link = f"[{title}](https://m.weizhou.example/h5/#/detail/{number})"
    return ".md", "\n\n".join((f"{link}\n---", *paragraphs))


def front_matter(title: str, paragraphs: tuple[str, ...]) -> tuple[str, str]:
    head = f"---\ntitle: {title}\nurl: https://weizhou.example/index.php?mod=view\n---\n"
    return ".md", "\n\n".join((head, *paragraphs))


FORMS = {
    "home page": linked("https://www.weizhou.example/"),
    "section": linked("https://www.weizhou.example/news/detail.html"),
    "day": linked("https://www.weizhou.example/2024/05/17/"),
    "first article": linked("https://www.weizhou.example/a/20240517-100231.html"),
    "og:url": open_graph("https://news.weizhou.example"),
    "route": route,
    "front matter": front_matter,
}


def write_stories(
    folder: Path, form: Callable[[str, tuple[str, ...]], tuple[str, str]]
) -> dict[str, Path]:
    """Write a file for each story, and return them by title."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for number, (title, *paragraphs) in enumerate(STORIES):
        suffix, text = form(title, tuple(paragraphs))
        paths[title] = folder / f"{number}{suffix}"
        paths[title].write_text(text, "utf-8")
    return paths


def update(folder: Path, index: str = "index", **options: object) -> UpdateSummary:
    how = UpdateOptions(**options)  # type: ignore[arg-type]  # a test's own keywords
    return update_index(FolderIndex(folder.parent / index), [str(folder)], how)


def ids(folder: Path, index: str = "index") -> dict[str, str]:
    with FolderIndex(folder.parent / index).open() as engine:
        return {
            Path(record.path).name: record.article_id or ""
            for record in engine.file_records()
            if record.status is Status.INDEXED
        }


def found(folder: Path, query: str) -> str | None:
    with FolderIndex(folder.parent / "index").open() as engine:
        article = first_match(engine, parse(query).root, Order.RELEVANCE)
    return Path(article.path).name if article else None


def counts(summary: UpdateSummary) -> Mapping[str, int]:
    return {outcome.value: number for outcome, number in summary.counts.items() if number}


@pytest.mark.parametrize("name", FORMS)
def test_different_texts_at_one_address_are_articles_of_their_own(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "n"
    paths = write_stories(folder, FORMS[name])
    summary = update(folder)
    assert counts(summary) == {"added": 3}
    assert summary.articles == 3
    for title, first, *_ in STORIES:
        assert found(folder, f'"{first[:-1]}"') == paths[title].name
        assert found(folder, f'title:"{title}"') == paths[title].name
    assert counts(update(folder)) == {"unchanged": 3}


@pytest.mark.parametrize("name", ["home page", "first article", "og:url"])
def test_versions_of_each_text_are_duplicates(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "n"
    write_stories(folder, FORMS[name])
    for number, (title, *paragraphs) in enumerate(STORIES):
        suffix, text = FORMS[name](title, (*paragraphs, "本报记者陶二摄影报道。"))
        (folder / f"later-{number}{suffix}").write_text(text, "utf-8")
        suffix, text = FORMS[name](title, tuple(paragraphs[:1]))
        (folder / f"teaser-{number}{suffix}").write_text(text, "utf-8")
    summary = update(folder)
    assert counts(summary) == {"added": 3, "duplicate": 6}
    assert set(ids(folder)) == {"later-0.html", "later-1.html", "later-2.html"}
    (shared,) = summary.shared_addresses
    assert [Path(path).name for path in shared.paths] == sorted(ids(folder))
    assert not shared.known
    assert update(folder).shared_addresses[0].known


def test_ids_do_not_depend_on_the_order_or_number_of_processes(tmp_path: Path) -> None:
    folder = tmp_path / "n"
    paths = list(write_stories(folder, FORMS["section"]).values())
    update(folder)
    update(folder, "two", jobs=2)
    for number in range(3):
        chance = random.Random(number)
        chance.shuffle(paths)
        update_index(FolderIndex(tmp_path / f"i{number}"), [*map(str, paths)])
        assert ids(folder, f"i{number}") == ids(folder)
    assert ids(folder, "two") == ids(folder)
    assert len(set(ids(folder).values())) == 3
    shutil.copytree(folder, tmp_path / "copy")
    update(tmp_path / "copy", "three")
    assert ids(tmp_path / "copy", "three") == ids(folder)


def test_ids_last_while_files_come_and_go(tmp_path: Path) -> None:
    folder = tmp_path / "n"
    folder.mkdir()
    form = FORMS["home page"]
    before: dict[str, str] = {}
    for number in (1, 2, 0):  # one at a time, and not in the order of paths
        title, *paragraphs = STORIES[number]
        (folder / f"{number}.html").write_text(form(title, tuple(paragraphs))[1], "utf-8")
        assert counts(update(folder)).get("added") == 1
        assert before.items() <= ids(folder).items()
        before = ids(folder)
    title, *paragraphs = STORIES[1]
    (folder / "1.html").write_text(form(title, (*paragraphs, "雨停了。"))[1], "utf-8")
    assert counts(update(folder)) == {"updated": 1, "unchanged": 2}
    assert ids(folder) == before
    (folder / "1.html").rename(folder / "9.html")
    summary = update(folder)
    assert (counts(summary), summary.removed) == ({"updated": 1, "unchanged": 2}, 0)
    assert ids(folder)["9.html"] == before["1.html"]
    (folder / "9.html").unlink()
    (folder / "2.html").unlink()
    assert update(folder, prune=True).removed == 2
    assert ids(folder) == {"0.html": before["0.html"]}


def test_text_in_the_file_of_another_moves_with_its_id(tmp_path: Path) -> None:
    folder = tmp_path / "n"
    one, two, _ = write_stories(folder, FORMS["home page"]).values()
    update(folder)
    before = ids(folder)
    texts = one.read_text("utf-8"), two.read_text("utf-8")
    two.write_text(texts[0], "utf-8")
    one.write_text(texts[1], "utf-8")
    update(folder)
    after = ids(folder)
    assert (after["0.html"], after["1.html"]) == (before["1.html"], before["0.html"])


def test_duplicate_of_a_replaced_version_becomes_an_article_again(tmp_path: Path) -> None:
    """Two texts agree with a third one, but not with each other."""
    folder = tmp_path / "n"
    folder.mkdir()
    form = FORMS["home page"]
    title = "苇洲一周"
    start, middle, end = (story[1:] for story in STORIES)
    versions = {
        "a.html": start[:1],
        "b.html": (start[0], *middle, *end),
        "c.html": (*middle, *end),
    }
    (folder / "a.html").write_text(form(title, versions["a.html"])[1], "utf-8")
    (folder / "b.html").write_text(form(title, versions["b.html"])[1], "utf-8")
    update(folder)
    assert set(ids(folder)) == {"b.html"}
    (folder / "b.html").write_text(form(title, versions["c.html"])[1], "utf-8")
    update(folder)
    assert set(ids(folder)) == {"a.html", "b.html"}
    longer = (*versions["c.html"], start[2], "水闸边的灯整夜亮着。")
    (folder / "b.html").write_text(form(title, versions["b.html"])[1], "utf-8")
    update(folder)
    assert set(ids(folder)) == {"b.html"}
    (folder / "d.html").write_text(form(title, longer)[1], "utf-8")
    summary = update(folder)
    assert summary.seen == sum(summary.counts.values())
    assert counts(summary) == {"added": 1, "updated": 1, "duplicate": 1}
    assert set(ids(folder)) == {"a.html", "d.html"}
    assert found(folder, f'"{start[0][:-1]}"') == "a.html"


def test_thousand_texts_at_one_address_are_quick(tmp_path: Path) -> None:
    folder = tmp_path / "n"
    folder.mkdir()
    chance = random.Random(5)
    words = "".join(text for story in STORIES for text in story)
    for number in range(1000):
        body = "".join(chance.choice(words) for _ in range(80))
        text = FORMS["home page"](f"公告{body[:8]}", (body,))[1]
        (folder / f"{number}.html").write_text(text, "utf-8")
    summary = update(folder)
    assert summary.counts[Outcome.ADDED] == 1000
    assert len(summary.shared_addresses[0].paths) == 1000


def test_texts_and_ids_are_the_same_on_a_server(tmp_path: Path, server: ServerIndex) -> None:
    folder = tmp_path / "n"
    for name in ("home page", "og:url"):
        write_stories(folder / name.replace(":", ""), FORMS[name])
    paths = [str(folder)]
    update(folder)
    assert counts(update_index(server, paths)) == {"added": 6}
    assert index_contents(server) == index_contents(FolderIndex(tmp_path / "index"))
    (folder / "home page" / "0.html").unlink()
    for index in (server, FolderIndex(tmp_path / "index")):
        assert counts(update_index(index, paths)) == {"unchanged": 5}
    assert index_contents(server) == index_contents(FolderIndex(tmp_path / "index"))
    how = UpdateOptions(reextract=True)
    assert counts(update_index(server, [], how)) == {}
