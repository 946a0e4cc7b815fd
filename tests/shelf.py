"""A folder of made articles that changes at random, and what an index of it should hold.

What each file says is remembered, so that brute force needs to read no file.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from newsgrep.archive.place import opened
from newsgrep.engines.base import FACETS, Order, Page
from newsgrep.ingest.identity import article_id
from newsgrep.models import Article, Stamp
from newsgrep.query.parser import parse
from tests.conftest import write_article
from tests.making import published

SOURCES = ("雾港日报", "鹭岛电台", "Harbour Post")
_WHO = ("渔民代表", "码头工人", "守塔人", "渡轮公司", "气象台", "两市市长", "海关关员", "居民")
_DID = ("发表联合声明", "等候开闸", "张贴潮汐表", "修好栈桥", "记下水位", "宣布停航", "清点海带")
_WHERE = ("在鹭岛码头", "在望津市", "在外礁岛", "在汀海市政厅", "在灯塔下", "在大桥北端")
_WHEN = ("周日清晨", "台风过后", "大雾里", "退潮时", "两天前", "表决之后")


@dataclass(frozen=True)
class Made:
    """What one file says; without title and body it has no article."""

    title: str = ""
    body: str = ""
    source: str = SOURCES[0]
    date: str = "2024-05-17"
    url: str = ""

    def holds(self, text: str) -> bool:
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
            published=published(self.date),
        )


State = Mapping[str, Made]
"""Every article of an index, by the path of the file that it was taken from."""


def sentence(chance: random.Random) -> str:
    return "".join(chance.choice(words) for words in (_WHEN, _WHO, _WHERE, _DID)) + "。"


def made(chance: random.Random, number: int, addresses: int = 200) -> Made:
    """Return a random article; a third of them have one of some ``addresses``."""
    return Made(
        title=f"第{number}号{chance.choice(_WHO)}{chance.choice(_DID)}",
        body="\n\n".join(sentence(chance) for _ in range(chance.randint(1, 4))),
        source=chance.choice(SOURCES),
        date=f"{chance.randint(2019, 2024)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
        url=f"https://wugang.example/{chance.randint(1, addresses)}"
        if chance.random() < 0.3
        else "",
    )


class Shelf:
    """Files in a folder; every change has another time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[str, Made] = {}
        self.times: dict[str, int] = {}
        folder.mkdir(exist_ok=True)
        self._clock = 1_740_000_000  # later than any date that is written, or it would be doubted

    def write(self, name: str, content: Made) -> None:
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

    def stir(self, chance: random.Random, changes: int, number: int) -> None:
        """Add, change, delete and rename ``changes`` files."""
        for step in range(changes):
            name = f"{chance.choice('abc')}/{number}-{step}.md"
            path = chance.choice(sorted(self.files))
            match chance.choice(("add", "change", "change", "delete", "rename")):
                case "add":
                    self.write(name, made(chance, number * 1000 + step))
                case "change":
                    relative = str(Path(path).relative_to(self.folder))
                    self.write(relative, made(chance, number * 1000 + step))
                case "delete":
                    self.delete(path)
                case "rename":
                    self.rename(path, name)

    def state(self) -> State:
        """Return what an index of these files should hold."""
        return taken(self.files)


def taken(files: State) -> State:
    """Return one file for each article: the fullest, of equals the first by path."""
    best: dict[str, str] = {}
    for path, content in sorted(files.items()):
        key = content.id_at(path)
        if not content.title:
            continue
        if key not in best or len(content.body) > len(files[best[key]].body):
            best[key] = path
    return {path: files[path] for path in best.values()}


def held(index: Path) -> State:
    """Return what an index holds."""
    with opened(index) as engine:
        ids = [stamp.article_id or "" for stamp in engine.stamps()]
        return {
            article.path: Made(
                article.title,
                article.body,
                article.source or "",
                article.published.iso if article.published else "",
                f"https://{article.url.split('://')[1]}" if article.url else "",
            )
            for article in engine.get(ids)
        }


QUERIES = ("联合声明", '"台风过后"', '"人在鹭" OR 灯塔', "-渡轮 source:日报", "date:2023 码头")


def told(index: Path) -> tuple[list[Stamp], list[Article], list[Page]]:
    """Return all stamps, articles, and the answers to some questions."""
    with opened(index) as engine:
        stamps = sorted(engine.stamps())
        articles = engine.get(stamp.article_id or "" for stamp in stamps)
        pages = [
            engine.search(parse(query).root, order, 1000, 0, FACETS)
            for query in QUERIES
            for order in Order
        ]
    return stamps, articles, pages
