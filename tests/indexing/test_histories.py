"""After any sequence of changes and runs, the index equals what brute force computes."""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from newsgrep.analysis.document import make_document
from newsgrep.engines.base import FACETS, Change, Engine, EngineRequest, Order, PutArticle
from newsgrep.engines.memory import MemoryEngine
from newsgrep.engines.registry import rollback
from newsgrep.engines.tantivy.engine import TantivyEngine
from newsgrep.engines.whoosh import writer
from newsgrep.engines.whoosh.engine import WhooshEngine
from newsgrep.errors import UsageError
from newsgrep.indexing import known_table, update
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.known_table import TABLE_NAME, find_problem
from newsgrep.indexing.outcomes import UpdateSummary
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.models import Status
from newsgrep.query.parser import parse
from tests.support.factories import FOLDER_ENGINES, make_file_record
from tests.support.simulated_archive import (
    SOURCES,
    ArticleFile,
    SimulatedArchive,
    State,
    expected_state,
    random_article,
    random_sentence,
)
from tests.support.stress import LONG_FORM, Tally, trial_count

NAMES = tuple(f"{folder}/{number}.md" for folder in "ab" for number in range(12))
ADDRESSES = 4

Seeds = st.integers(0, 1 << 32)
Prunes = st.sampled_from((None, None, True, False))


@dataclass(frozen=True)
class Commit:
    """The expected contents of an index: file records, their times, and articles."""

    times: Mapping[str, int] = field(default_factory=dict)
    known: State = field(default_factory=dict)
    articles: State = field(default_factory=dict)

    def updated(self, archive: SimulatedArchive, prune: bool | None) -> Commit | None:
        """Return the next commit, this one if nothing changes, ``None`` if the run is refused."""
        gone = self.known.keys() - archive.files.keys()
        if prune is None and len(gone) * 2 > len(self.known):
            return None
        kept = gone if prune is False else frozenset[str]()
        changed = any(self.times.get(path) != time for path, time in archive.times.items())
        if not changed and gone == kept:
            return self
        # The article of a deleted file is the one that the index has.
        texts = {path: text for path, text in self.articles.items() if path in kept}
        return Commit(
            {path: self.times[path] for path in kept} | archive.times,
            {path: self.known[path] for path in kept} | archive.files,
            expected_state(texts | archive.files),
        )


FIRST = Commit()


@cache
def _upsert(path: str, content: ArticleFile, article_id: str) -> Change:
    article = content.article(path)._replace(id=article_id)
    return PutArticle(make_document(article, make_file_record(article)))


def brute_force(commit: Commit, ids: Mapping[str, str]) -> Engine:
    """Return the reference engine with the contents of ``commit``; ``ids`` are by path."""
    engine = MemoryEngine()
    engine.write(_upsert(path, content, ids[path]) for path, content in commit.articles.items())
    return engine


def ids_by_path(engine: Engine) -> dict[str, str]:
    """Return the ids of the articles of an index, by the paths of their files."""
    return {
        record.path: record.article_id or ""
        for record in engine.file_records()
        if record.status is Status.INDEXED
    }


def random_leaf(chance: random.Random, texts: list[ArticleFile]) -> str:
    content = chance.choice(texts) if texts else ArticleFile("鹭岛号", random_sentence(chance))
    match chance.choice(("quoted", "quoted", "words", "source", "date", "title")):
        case "quoted":
            text = content.body.replace("\n", "") or "灯塔"
            begin = chance.randrange(len(text))
            return f'"{text[begin : begin + chance.randint(1, 9)]}"'
        case "words":
            return random_sentence(chance)[chance.randint(0, 8) :].strip("。") or "水"
        case "source":
            return f"source:{chance.choice((*SOURCES, '日报', 'POST', '没有')).split()[0]}"
        case "date":
            return f"date:{content.date[: chance.choice((4, 7, 10))]}"
    return f'title:"{content.title[-3:] or "号"}"'


def random_query(chance: random.Random, texts: list[ArticleFile], depth: int = 2) -> str:
    """Return a query that may find some of ``texts``."""
    if depth == 0 or chance.random() < 0.3:
        return random_leaf(chance, texts)
    one, other = (random_query(chance, texts, depth - 1) for _ in range(2))
    return chance.choice((f"{one} {other}", f"({one} OR {other})", f"{one} -({other})", f"-{one}"))


def compare(engine: Engine, commit: Commit, chance: random.Random) -> None:
    """Compare the results of ``engine`` with those of brute force."""
    right = brute_force(commit, ids_by_path(engine))
    for _ in range(3):
        query = random_query(chance, list(commit.articles.values()))
        for order in Order:
            expected = right.search(EngineRequest(parse(query).root, order, 100, 0, FACETS))
            found = engine.search(EngineRequest(parse(query).root, order, 100, 0, FACETS))
            assert found.total == expected.total, query
            assert [c.id for c in found.candidates] == [c.id for c in expected.candidates], query
            assert dict(found.facets) == dict(expected.facets), query
            scores = [candidate.score for candidate in expected.candidates]
            if order is Order.RELEVANCE:
                assert [c.score for c in found.candidates] == pytest.approx(scores), query


class History(RuleBasedStateMachine):
    """Files change, the index is updated, rolled back, and read at all times."""

    def __init__(self, tally: Tally, engine: str) -> None:
        super().__init__()
        self.engine = engine
        self.tally = tally
        self.folder = Path(tempfile.mkdtemp(prefix="newsgrep-history-"))
        self.archive = SimulatedArchive(self.folder / "n")
        self.index = self.folder / "index"
        self.now: Commit | None = None
        self.before: Commit | None = None
        self.is_rolled_back = False
        self.readers: list[tuple[ExitStack, Engine, Commit]] = []
        self.written = 0
        tally["histories"] += 1

    def teardown(self) -> None:
        for stack, _, _ in self.readers:
            stack.close()
        shutil.rmtree(self.folder)

    @initialize(seed=Seeds, number=st.integers(0, len(NAMES)))
    def begin(self, seed: int, number: int) -> None:
        chance = random.Random(seed)
        for name in NAMES[:number]:
            self.write(name, random_article(chance, self.written, ADDRESSES))

    def index_now(self, prune: bool | None) -> UpdateSummary:
        how = UpdateOptions(prune=prune, engine=self.engine)
        return update_index(FolderIndex(self.index), [str(self.archive.folder)], how)

    def write(self, name: str, content: ArticleFile) -> None:
        self.archive.write(name, content)
        self.written += 1

    @rule(seed=Seeds, number=st.sampled_from((1, 2, 5)))
    def change(self, seed: int, number: int) -> None:
        chance = random.Random(seed)
        for _ in range(number):
            name = chance.choice(NAMES)
            paths = sorted(self.archive.files)
            content = random_article(chance, self.written, ADDRESSES)
            url = f"https://wugang.example/{chance.randint(1, ADDRESSES)}"
            match chance.choice(("write", "write", "same article", "empty", "delete", "rename")):
                case "write":
                    self.write(name, content)
                case "same article":
                    self.write(name, replace(content, url=url))
                case "empty":
                    self.write(name, ArticleFile())
                case "delete" if paths:
                    self.archive.delete(chance.choice(paths))
                case "rename" if (
                    paths and str(self.archive.folder / name) not in self.archive.files
                ):
                    self.archive.rename(chance.choice(paths), name)
            self.tally["changes to files"] += 1

    @precondition(lambda self: self.archive.files)
    @rule(seed=Seeds)
    def delete_most(self, seed: int) -> None:
        paths = sorted(self.archive.files)
        for path in random.Random(seed).sample(paths, len(paths) * 2 // 3):
            self.archive.delete(path)
            self.tally["changes to files"] += 1

    @rule(prune=Prunes, seed=Seeds)
    def update(self, prune: bool | None, seed: int) -> None:
        self.change(seed, 1)
        self.update_again(prune, seed)

    @precondition(lambda self: self.now)
    @rule()
    def lose_table(self) -> None:
        for table in self.index.glob(f"*/{TABLE_NAME}"):
            table.unlink()
            self.tally["tables of known files lost"] += 1

    @rule(prune=Prunes, seed=Seeds)
    def update_again(self, prune: bool | None, seed: int) -> None:
        old = self.now or FIRST
        new = old.updated(self.archive, prune)
        ids = self.ids()
        if new is None:
            with pytest.raises(UsageError, match="Use --prune"):
                update_index(
                    FolderIndex(self.index),
                    [str(self.archive.folder)],
                    UpdateOptions(prune=prune, engine=self.engine),
                )
            self.tally["refusals"] += 1
        else:
            summary = update_index(
                FolderIndex(self.index),
                [str(self.archive.folder)],
                UpdateOptions(prune=prune, engine=self.engine),
            )
            self.check_table()
            assert summary.seen == sum(summary.counts.values())
            assert summary.articles == len(new.articles)
            assert summary.removed == len(set(ids.values()) - set(self.ids().values()))
            for path in old.articles.keys() & new.articles.keys():
                if old.times[path] == new.times[path]:
                    # Another file may have been a better version of it for a moment.
                    assert self.ids()[path] == ids[path] or ids[path] in self.ids().values()
            if new is not old:
                self.before = old if old is not FIRST else None
                self.is_rolled_back = False
                self.tally["commits"] += 1
            self.now = new
        if self.now is not None:
            self.is_as_it_should_be(random.Random(seed))

    def check_table(self) -> None:
        """Compare the table of known files, if there is one, with the file records."""
        index = FolderIndex(self.index)
        with index.session() as session:
            table = index.table_of_known_files(session.manifest)
            assert find_problem(table, session.engine) is None
            self.tally["tables of known files compared"] += table.exists()

    def ids(self) -> dict[str, str]:
        if not (self.index / "newsgrep.json").exists():
            return {}
        with FolderIndex(self.index).open() as engine:
            return ids_by_path(engine)

    @precondition(lambda self: self.now is not None)
    @rule(seed=Seeds)
    def go_back(self, seed: int) -> None:
        if self.is_rolled_back:
            assert rollback(self.engine, self.index / self.engine).is_repeated
        elif self.before is None:
            with pytest.raises(UsageError, match=r"no (previous )?commit to roll back to"):
                rollback(self.engine, self.index / self.engine)
        else:
            rollback(self.engine, self.index / self.engine)
            self.now, self.before, self.is_rolled_back = self.before, None, True
            self.tally["commits rolled back"] += 1
        self.is_as_it_should_be(random.Random(seed))

    def is_as_it_should_be(self, chance: random.Random) -> None:
        assert self.now is not None
        with FolderIndex(self.index).open() as engine:
            assert engine.verify(deep=True) == []
            records = {record.path: record for record in engine.file_records()}
            assert records.keys() == self.now.known.keys()
            ids = ids_by_path(engine)
            assert ids.keys() == self.now.articles.keys()
            taken_from = {article_id: path for path, article_id in ids.items()}
            for path, text in self.now.known.items():
                record, reason = records[path], records[path].reason or ""
                if not text.title:
                    assert record.status is Status.REJECTED
                    continue
                assert record.article_id == ids.get(path, record.article_id)
                assert (record.address or record.article_id) == text.id_at(path)
                if path in self.now.articles:
                    assert record.status is Status.INDEXED
                else:
                    assert record.status is Status.DUPLICATE
                    if (
                        path in self.archive.files
                        and self.archive.times[path] == self.now.times[path]
                    ):
                        assert f" {taken_from[record.article_id or '']}, " in reason
            self.tally["further texts at an address"] += sum(
                bool(record.address) for record in records.values()
            )
            articles = engine.get(taken_from)
            assert [article.path for article in articles] == list(taken_from.values())
            for article in articles:
                expected = self.now.articles[article.path]
                assert (article.title, article.body) == (expected.title, expected.body)
            compare(engine, self.now, chance)
            self.tally["checks of several segments"] += segments(engine) > 1
        self.tally["checks of the whole contents"] += 1

    @precondition(lambda self: self.now is not None and len(self.readers) < 3)
    @rule()
    def open_for_reading(self) -> None:
        assert self.now is not None
        stack = ExitStack()
        self.readers.append((stack, stack.enter_context(FolderIndex(self.index).open()), self.now))

    @precondition(lambda self: self.readers)
    @rule(seed=Seeds)
    def ask_a_reader(self, seed: int) -> None:
        stack, engine, commit = self.readers.pop(0)
        with stack:
            compare(engine, commit, random.Random(seed))
        self.tally["readers of possibly older commits"] += 1


def segments(engine: Engine) -> int:
    """Return the number of segments, each of which is searched separately."""
    if isinstance(engine, WhooshEngine):
        return len(engine._reader.segments)
    assert isinstance(engine, TantivyEngine)
    return engine.reader.searcher.num_segments


@pytest.fixture
def small_segments(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep segments of a few documents apart, and a table of few files, as of thousands."""
    monkeypatch.setattr(writer, "ALWAYS_MERGED", 1)
    monkeypatch.setattr(known_table, "MIN_ROWS", 0)  # as of many
    monkeypatch.setattr(update, "MIN_ROWS", 0)
    yield
    _upsert.cache_clear()


@pytest.mark.torture
@pytest.mark.usefixtures("small_segments")
@pytest.mark.parametrize("engine", FOLDER_ENGINES)
def test_index_equals_brute_force_after_any_history(engine: str, tally: Tally) -> None:
    run_state_machine_as_test(
        lambda: History(tally, engine),  # type: ignore[arg-type]  # it is called as a factory
        settings=settings(
            max_examples=trial_count(12, 150),
            stateful_step_count=trial_count(25, 60),
            derandomize=not LONG_FORM,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # shrinking a failure takes minutes
        ),
    )
    assert tally["checks of several segments"]
    assert tally["tables of known files compared"]
    assert tally["further texts at an address"]
