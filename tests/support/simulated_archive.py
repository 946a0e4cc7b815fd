"""A folder of invented articles that changes at random, and the expected index of it.

The content of each file is kept in memory, so that brute force does not read files.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from newsgrep.analysis.document import make_document
from newsgrep.engines.base import FACETS, EngineRequest, Order, ResultPage, ScoredDoc
from newsgrep.extraction.identity import article_id
from newsgrep.indexing.addresses import find_leaders
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.store import Index
from newsgrep.models import Article, FileRecord, Status
from newsgrep.query.ast import MatchAll
from newsgrep.query.parser import parse
from tests.support.cli import write_article
from tests.support.factories import make_file_record, make_published

SOURCES = ("雾港日报", "鹭岛电台", "Harbour Post")
_SUBJECTS = ("渔民代表", "码头工人", "守塔人", "渡轮公司", "气象台", "两市市长", "海关关员", "居民")
_ACTIONS = (
    "发表联合声明",
    "等候开闸",
    "张贴潮汐表",
    "修好栈桥",
    "记下水位",
    "宣布停航",
    "清点海带",
)
_PLACES = ("在鹭岛码头", "在望津市", "在外礁岛", "在汀海市政厅", "在灯塔下", "在大桥北端")
_TIMES = ("周日清晨", "台风过后", "大雾里", "退潮时", "两天前", "表决之后")


@dataclass(frozen=True)
class ArticleFile:
    """The content of one file; without title and body it has no article."""

    title: str = ""
    body: str = ""
    source: str = SOURCES[0]
    date: str = "2024-05-17"
    url: str = ""

    def contains(self, text: str) -> bool:
        """Return whether a quoted ``text`` of Han characters finds this article."""
        return text in self.title or text in self.body

    def id_at(self, path: str) -> str:
        return article_id(self.url or None, path)

    def article(self, path: str) -> Article:
        return Article(
            id=self.id_at(path),
            title=self.title,
            body=self.body,
            path=path,
            source=self.source,
            published=make_published(self.date),
        )


State = Mapping[str, ArticleFile]
"""Every article of an index, by the path of its file."""


def random_sentence(chance: random.Random) -> str:
    return "".join(chance.choice(words) for words in (_TIMES, _SUBJECTS, _PLACES, _ACTIONS)) + "。"


def random_article(chance: random.Random, number: int, addresses: int = 200) -> ArticleFile:
    """Return a random article; a third of them have one of ``addresses`` addresses.

    Several files of one address are versions of two articles, or other texts.
    """
    source = chance.choice(SOURCES)
    date = f"{chance.randint(2019, 2024)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
    url = f"https://wugang.example/{chance.randint(1, addresses)}" if chance.random() < 0.3 else ""
    title = f"第{number}号{chance.choice(_SUBJECTS)}{chance.choice(_ACTIONS)}"
    sentences = [random_sentence(chance) for _ in range(chance.randint(1, 4))]
    if url and chance.random() < 0.7:
        story = random.Random(f"{url} {chance.randint(1, 2)}")
        title = f"第{story.randint(1, 99)}号{story.choice(_SUBJECTS)}{story.choice(_ACTIONS)}"
        title = chance.choice((title, title, f"最新：{title}"))
        whole = [random_sentence(story) for _ in range(6)]
        start = chance.choice((0, 0, chance.randint(0, 5)))
        sentences = whole[start : start + chance.randint(1, 6)] + sentences[: chance.randint(0, 2)]
    return ArticleFile(title, "\n\n".join(sentences), source, date, url)


class SimulatedArchive:
    """Files in a folder; every change sets another modification time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, ArticleFile] = {}
        self.times: dict[str, int] = {}
        folder.mkdir(exist_ok=True)
        self._clock = 1_740_000_000  # later than any date in a file, or the date is not trusted

    def write(self, name: str, content: ArticleFile) -> None:
        path = self.folder / name
        write_article(
            path,
            content.title,
            content.body,
            source=content.source,
            date=content.date,
            url=content.url,
        )
        if not content.title:
            path.write_bytes(b"")
        self._clock += 1
        os.utime(path, (self._clock, self._clock))
        self.files[str(path)], self.times[str(path)] = content, self._clock

    def delete(self, path: str) -> None:
        Path(path).unlink()
        del self.files[path], self.times[path]

    def rename(self, path: str, name: str) -> None:
        target = self.folder / name
        target.parent.mkdir(exist_ok=True)
        Path(path).rename(target)
        self.files[str(target)] = self.files.pop(path)
        self.times[str(target)] = self.times.pop(path)

    def change_randomly(self, chance: random.Random, changes: int, number: int) -> None:
        """Add, change, delete or rename ``changes`` files at random."""
        for step in range(changes):
            name = f"{chance.choice('abc')}/{number}-{step}.md"
            path = chance.choice(sorted(self.files))
            match chance.choice(("add", "change", "change", "delete", "rename")):
                case "add":
                    self.write(name, random_article(chance, number * 1000 + step))
                case "change":
                    relative = str(Path(path).relative_to(self.folder))
                    self.write(relative, random_article(chance, number * 1000 + step))
                case "delete":
                    self.delete(path)
                case "rename":
                    self.rename(path, name)

    def state(self) -> State:
        """Return the expected content of an index of these files."""
        return expected_state(self.files)


def expected_state(files: State) -> State:
    """Return one file for each article: the longest, of equal ones the first by path.

    Files of one address whose texts differ are several articles.
    """
    at_address: dict[str, list[FileRecord]] = {}
    for path, content in files.items():
        if content.title:
            article = content.article(path)._replace(url=content.url)
            document = make_document(article, make_file_record(article), sketch=True)
            at_address.setdefault(article.id, []).append(document.file_record)
    leaders = (found for each in at_address.values() for found in find_leaders(each).values())
    return {path: files[path] for path in dict.fromkeys(leader.path for leader in leaders)}


def indexed_state(index: Path) -> State:
    """Return the content of an index."""
    with FolderIndex(index).open() as engine:
        ids = [record.article_id or "" for record in engine.file_records()]
        return {
            article.path: ArticleFile(
                article.title,
                article.body,
                article.source or "",
                article.published.iso if article.published else "",
                f"https://{article.url.split('://')[1]}" if article.url else "",
            )
            for article in engine.get(ids)
        }


QUERIES = ("联合声明", '"台风过后"', '"人在鹭" OR 灯塔', "-渡轮 source:日报", "date:2023 码头")


def index_snapshot(
    index: Path,
) -> tuple[list[FileRecord], list[Article], list[tuple[int, list[ScoredDoc]]]]:
    """Return all file records, all articles, and the results of some queries.

    Of several texts at one address, the first that was indexed has the address's id: here
    articles with a URL have their paths as ids.
    """
    with FolderIndex(index).open() as engine:
        records = sorted(engine.file_records())
        names = {
            record.article_id or "": record.path
            for record in records
            if record.status is Status.INDEXED and record.sketch
        }
        articles = engine.get(record.article_id or "" for record in records)
        pages = [
            engine.search(EngineRequest(parse(query).root, order, 1000, 0, FACETS))
            for query in QUERIES
            for order in Order
        ]
    return (
        [
            record._replace(article_id=names.get(record.article_id or ""), address="")
            if record.article_id in names
            else record
            for record in records
        ],
        # The versions are what happened before, and not what the files contain.
        [
            article._replace(id=names.get(article.id, article.id), versions=(), since=None)
            for article in articles
        ],
        [(page.total, _sorted_candidates(page, names)) for page in pages],
    )


def _sorted_candidates(page: ResultPage, names: Mapping[str, str]) -> list[ScoredDoc]:
    renamed = (each._replace(id=names.get(each.id, each.id)) for each in page.candidates)
    return sorted(renamed, key=lambda each: (each.score, each.timestamp, each.id))


def index_contents(index: Index) -> tuple[dict[str, str], dict[str, FileRecord]]:
    """Return the file and body of every article, and the record of every file."""
    with index.open() as engine:
        ids = [each.id for each in engine.search(EngineRequest(MatchAll(), limit=9_999)).candidates]
        articles = {article.id: f"{article.path}: {article.body}" for article in engine.get(ids)}
        stored = list(engine.file_records())
    records = {record.path: _without_reason(record) for record in stored}
    assert len(records) == len(stored)
    return articles, records


def contents_in_any_order(index: Index) -> tuple[list[str], dict[str, FileRecord]]:
    """Return the contents of an index without what depends on the order of the files.

    The first of several texts at one address has the id of the address, and a duplicate may agree
    with two of them.
    """
    articles, records = index_contents(index)
    shown = {each.article_id for each in records.values() if each.status is Status.INDEXED}
    assert shown == articles.keys()
    assert shown >= {each.article_id for each in records.values() if each.article_id}
    return sorted(articles.values()), {
        path: each._replace(article_id=None, address="") for path, each in records.items()
    }


def _without_reason(record: FileRecord) -> FileRecord:
    return record._replace(reason=None)
