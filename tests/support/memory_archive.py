"""An archive of random files and its index, both in memory, that one run after another updates."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from hashlib import blake2b
from itertools import islice, pairwise

from newsgrep.analysis.document import IndexDocument, make_document
from newsgrep.analysis.versions import all_versions
from newsgrep.engines.base import (
    Change,
    DeleteArticle,
    DropFileRecord,
    PutArticle,
    PutFileRecord,
)
from newsgrep.engines.memory import MemoryEngine
from newsgrep.extraction.walk import File
from newsgrep.indexing.addresses import address_of, find_leaders, is_better, texts_agree
from newsgrep.indexing.history import Histories
from newsgrep.indexing.known import PRESENT, UNCHANGED, KnownRecords
from newsgrep.indexing.plan import MAX_FILE_SIZE, Plan, reread_duplicates
from newsgrep.indexing.preparing import FailedFile, Prepared
from newsgrep.indexing.run import UpdateRun
from newsgrep.indexing.workers import rewrite_articles
from newsgrep.models import FileRecord, Status
from tests.support.simulated_archive import ArticleFile

SENTENCES = tuple(
    f"{who}{when}在{where}等了{number}天。"
    for who in ("渔民", "码头工人", "船主", "孩子们", "老师")
    for when in ("昨天", "今天")
    for where in ("桥头", "岸边", "船上")
    for number in "三五"
)
ADDRESSES = ("", "https://wugang.example/", "https://wugang.example/a/123456.html")
NAMES = tuple(f"/{folder}/{number}.md" for folder in "ab" for number in range(9))
EMPTY = ArticleFile()


@dataclass(frozen=True)
class Version:
    """What is extracted from a file, when it was written and fetched, and its bytes."""

    content: ArticleFile
    time: int
    fetched: str
    data: str = ""


@lru_cache(maxsize=4096)
def prepared(path: str, version: Version) -> IndexDocument:
    content = version.content
    article = content.article(path)._replace(
        url=content.url or None,
        fetched=version.fetched or None,
        file_time=f"{1900 + version.time}-01-01T00:00:00Z",
    )
    key = version.fetched, len(content.body)
    data = version.data or f"{content.title}{content.body}"
    digest = blake2b(data.encode(), digest_size=16).hexdigest()
    record = FileRecord(path, 1, version.time, digest, Status.INDEXED, article.id, version_key=key)
    return make_document(article, record, sketch=True)


def random_version(chance: random.Random, time: int) -> Version:
    """Return overlapping parts of one long text, so that agreement is not transitive."""
    start = chance.randint(0, 5)
    body = "".join(SENTENCES[7 * n % 60] for n in range(start, start + chance.randint(1, 6)))
    title = chance.choice(("渔港一周", "渔港一周", "渔港又一周"))
    content = ArticleFile(title, body, url=chance.choice((*ADDRESSES, ADDRESSES[2])))
    return Version(content, time, chance.choice(("", "", "2024-01-01", "2024-01-02")))


@dataclass
class Archive:
    """Files and an index of them, both in memory."""

    files: dict[str, Version] = field(default_factory=dict)
    engine: MemoryEngine = field(default_factory=MemoryEngine)
    articles: dict[str, IndexDocument] = field(default_factory=dict)
    others: dict[str, FileRecord] = field(default_factory=dict)
    commits_often: bool = False
    keep: int | None = None
    reused: set[str] = field(default_factory=set)
    """Paths of files that had different articles one after another."""
    time: int = 0

    def records(self) -> list[FileRecord]:
        return [*(each.file_record for each in self.articles.values()), *self.others.values()]

    def find(self, ids: Sequence[str]) -> list[FileRecord]:
        return [self.articles[each].file_record for each in ids if each in self.articles]

    def change(self, chance: random.Random) -> None:
        self.time += 1
        path, name = chance.choice(sorted(self.files) or NAMES), chance.choice(NAMES)
        match chance.choice(("write", "write", "write", "empty", "delete", "rename")):
            case "write":
                self.files[name] = random_version(chance, self.time)
            case "empty":
                self.files[name] = Version(EMPTY, self.time, "")
            case "delete":
                self.files.pop(path, None)
            case "rename" if path in self.files and name not in self.files:
                self.files[name] = self.files.pop(path)

    def plan(self) -> Plan:
        records = self.records()
        # As an engine does: those without an article first, and the others again by id.
        ordered = sorted(records, key=lambda record: record.status is Status.INDEXED)
        known = KnownRecords(ordered, self.find)
        assert len(known) == len({*known}) == len(records), "a file has two records"
        plan = Plan(known, MAX_FILE_SIZE)
        for path, version in self.files.items():
            if known.unchanged_row(path, 1, version.time) is not None:
                known.mark(path, PRESENT | UNCHANGED)
            else:
                known.mark(path, PRESENT)
                plan.read(File(path, 1, version.time))
        gone = [row for row in known.rows() if not known.marks[row] & PRESENT]
        plan.set_gone(gone)
        reread_duplicates(plan)
        plan.to_read.sort(key=lambda file: os.fsencode(file.path))
        return plan

    def prepare(self, files: Sequence[File]) -> Iterator[Prepared]:
        for file in files:
            version = self.files.get(file.path)
            if version is None:
                yield FailedFile(file.path, "gone")
            elif not version.content.title:
                yield FileRecord(file.path, 1, version.time, "00", Status.REJECTED, None, "empty")
            else:
                yield prepared(file.path, version)

    def update(self, *, groups: int | None = None) -> UpdateRun:
        """Make one run, or only its first ``groups`` groups of changes, as if it was killed."""
        pending: list[Change] = []
        plan = self.plan()
        before = {record.path: record.article_id for record in self.records()}
        run = UpdateRun(plan, Histories(self.engine, self.keep, self.ids_with_versions))
        rewrite = partial(rewrite_articles, jobs=1, user=None)
        all_groups = run.changes(self.prepare(plan.to_read), self.prepare, rewrite)
        for group in islice(all_groups, groups):
            changes = list(group)
            if self.commits_often:
                self.engine.write(changes)
                run.commit()
            else:
                pending += changes
            for change in changes:
                match change:
                    case PutArticle(document):
                        assert document.file_record.article_id == document.article_id
                        self.articles[document.article_id] = document
                    case DeleteArticle(article_id):
                        self.articles.pop(article_id, None)
                    case PutFileRecord(record):
                        self.others[record.path] = record
                    case DropFileRecord(path):
                        self.others.pop(path, None)
        self.engine.write(pending)
        after = {record.path: record.article_id for record in self.records()}
        self.reused |= {path for path, known in before.items() if after.get(path, known) != known}
        return run

    def ids_with_versions(self) -> set[str]:
        return {each.article_id for each in self.articles.values() if each.article().versions}

    def verify(self) -> None:
        """Compare the records with those that the files should have."""
        records = {record.path: record for record in self.records()}
        assert len(records) == len(self.records())
        assert records.keys() == self.files.keys()
        at_address: dict[str, list[FileRecord]] = {}
        for path, version in self.files.items():
            if version.content.title:
                document = prepared(path, version)
                at_address.setdefault(document.article_id, []).append(document.file_record)
            else:
                assert records[path].status is Status.REJECTED
        for address, versions in at_address.items():
            for path, leader in find_leaders(versions).items():
                record = records[path]
                assert address_of(record) == address
                is_leader = leader.path == path
                assert record.status is (Status.INDEXED if is_leader else Status.DUPLICATE)
                winner = self.articles[record.article_id or ""].file_record
                assert is_leader or is_better(winner, record)
                assert texts_agree(winner, record)

    def verify_versions(self) -> None:
        """Compare the versions with the texts of the files."""
        texts: dict[str, set[str]] = {}
        for document in self.articles.values():
            article, own = document.article(), document.file_record
            versions = [*article.versions]
            sources = [(each.path, each.digest) for each in versions]
            assert len({*sources, (own.path, own.digest)}) == len(sources) + 1
            assert [each.captured for each in versions] == sorted(e.captured for e in versions)
            keys = [(each.title, each.body) for each in all_versions(article)]
            assert all(key != following for key, following in pairwise(keys))
            assert {each.path for each in versions} <= self.files.keys() | self.reused
            texts[document.article_id] = {body for _, body in keys}
        for record in self.others.values():
            if record.status is Status.DUPLICATE:
                assert self.files[record.path].content.body in texts[record.article_id or ""]
