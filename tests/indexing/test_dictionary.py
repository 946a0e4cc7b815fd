"""The user's dictionary of an index: texts and queries are cut with it in every command."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from newsgrep.analysis.document import make_document
from newsgrep.analysis.user_dictionary import UserDictionary
from newsgrep.engines.base import FACETS, EngineRequest, Order, PutArticle
from newsgrep.errors import IndexDamaged, UsageError
from newsgrep.indexing.combined import combine_indexes
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.maintenance import DictionaryChange, rebuild_index, verify_index
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.query.ast import Operator, Terms, describe
from newsgrep.query.parser import parse
from newsgrep.query.variants import Variants, with_variants
from tests.support.cli import Cli, write_article
from tests.support.contract_archive import ARCHIVE, COLLECTIONS, QUERIES
from tests.support.factories import ENGINES, create_engine, make_file_record
from tests.support.fake_server import FakeServerCli
from tests.support.manifests import change_manifest

NAMES = UserDictionary.of({"韩江龙王": 1, "龙二号": 2})


def dictionary_of_archive() -> UserDictionary:
    """Return pieces of the articles' texts, cut out at random: some are in several of them."""
    chance = random.Random(7)
    words = {"联合声": 3, "业声明": 9}
    texts = [run for each in ARCHIVE for run in (each.title, each.body)]
    while len(words) < 40:
        text = chance.choice(texts)
        start = chance.randrange(len(text) or 1)
        word = text[start : start + chance.randint(2, 5)]
        if len(word) > 1 and all("一" <= character <= "龥" for character in word):
            words[word] = chance.randint(1, 500)
    return UserDictionary.of(words)


@pytest.mark.parametrize("name", ENGINES)
def test_engines_agree_with_user_dictionary(name: str, tmp_path: Path) -> None:
    user = dictionary_of_archive()
    engines = [create_engine(each, tmp_path) for each in (name, "memory")]
    for engine in engines:
        engine.user_dictionary = user
        engine.write(
            [PutArticle(make_document(each, make_file_record(each), user=user)) for each in ARCHIVE]
        )
    engine, reference = engines
    queries = [*QUERIES, *(word for word, _ in user), *(f'"{word}"' for word, _ in user)]
    for query in queries:
        root = parse(query, scan=True, collections=lambda: COLLECTIONS, user=user).root
        request = EngineRequest(root, Order.RELEVANCE, 100, 0, FACETS)
        assert engine.search(request) == reference.search(request)
        # A query that is cut without it finds the same articles.
        root = parse(query, scan=True, collections=lambda: COLLECTIONS).root
        request = EngineRequest(root, Order.NEWEST, 100)
        assert engine.search(request).total == reference.search(request).total
    words = [word for word, _ in user]
    assert engine.document_frequencies(words) == reference.document_frequencies(words)
    assert not engine.verify(deep=True)
    engine.user_dictionary = None
    assert name == "memory" or engine.verify(deep=True)
    engine.close()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    for number in range(3):
        text = "韩江龙王今日渡江。" if number else "江龙二号。"
        write_article(tmp_path / "n" / f"{number}.md", f"第{number}号", text)
    return tmp_path / "n"


@pytest.fixture
def index(tmp_path: Path, archive: Path) -> FolderIndex:
    index = FolderIndex(tmp_path / "index")
    update_index(index, [str(archive)], UpdateOptions(user_dictionary=NAMES))
    return index


def frequencies(index: FolderIndex) -> dict[str, int]:
    with index.open() as engine:
        assert engine.user_dictionary == index.user_dictionary()
        return engine.document_frequencies(["韩江龙王", "龙二号"])


def test_words_are_terms_and_stay(index: FolderIndex, archive: Path) -> None:
    assert frequencies(index) == {"韩江龙王": 2, "龙二号": 1}
    write_article(archive / "3.md", "又一号", "韩江龙王返航。")
    update_index(index, [str(archive)])
    assert frequencies(index) == {"韩江龙王": 3, "龙二号": 1}
    update_index(index, [str(archive)], UpdateOptions(user_dictionary=NAMES))
    assert verify_index(index, deep=True).problems == ()


def test_workers_use_dictionary(tmp_path: Path) -> None:
    for number in range(310):
        write_article(tmp_path / "n" / f"{number}.md", f"第{number}号", "韩江龙王。")
    index = FolderIndex(tmp_path / "index")
    update_index(index, [str(tmp_path / "n")], UpdateOptions(jobs=2, user_dictionary=NAMES))
    assert frequencies(index) == {"韩江龙王": 310, "龙二号": 0}
    rebuild_index(index, jobs=2)
    assert frequencies(index) == {"韩江龙王": 310, "龙二号": 0}


def test_earlier_versions_are_cut_with_dictionary(tmp_path: Path) -> None:
    page = tmp_path / "n" / "a.md"
    index = FolderIndex(tmp_path / "index")
    rest = "两岸渔民清早到码头送行，渡轮照常往返，海带上市，鱼价平稳，船厂赶工，灯塔夜里重新点亮。"
    for text in ("韩江龙王今日渡江。", "今日无船渡江。"):
        write_article(page, "渡江", text + rest, url="https://wugang.example/a")
        update_index(index, [str(page)], UpdateOptions(user_dictionary=NAMES))
    with index.open() as engine:
        root = parse("earlier:韩江龙王", user=NAMES).root
        assert engine.search(EngineRequest(root)).total == 1
    assert verify_index(index, deep=True).problems == ()


def test_another_dictionary_is_refused(index: FolderIndex, archive: Path) -> None:
    other = UpdateOptions(user_dictionary=UserDictionary.of({"韩江": 1}))
    with pytest.raises(UsageError, match="not created with this dictionary"):
        update_index(index, [str(archive)], other)


def test_rebuild_keeps_replaces_and_removes_dictionary(index: FolderIndex) -> None:
    rebuild_index(index)
    assert frequencies(index)["韩江龙王"] == 2
    other = UserDictionary.of({"龙二号": 5})
    rebuild_index(index, change=DictionaryChange(other))
    assert index.user_dictionary() == other
    assert frequencies(index) == {"韩江龙王": 0, "龙二号": 1}
    rebuild_index(index, change=DictionaryChange(None))
    assert index.user_dictionary() is None
    assert frequencies(index) == {"韩江龙王": 0, "龙二号": 0}


def test_lost_manifest_is_restored_with_dictionary(index: FolderIndex, cli: Cli) -> None:
    (index.path / "newsgrep.json").unlink()
    cli("doctor", "--fix", "--index", index.path)
    assert frequencies(index)["韩江龙王"] == 2


def test_changed_dictionary_is_damage(index: FolderIndex) -> None:
    change_manifest(index.path, words=UserDictionary.of({"韩江": 1}).pack()[:-3])
    with pytest.raises(IndexDamaged, match="dictionary is invalid"):
        index.read_manifest()


def test_several_indexes_cut_queries_with_common_words(tmp_path: Path, index: FolderIndex) -> None:
    other = FolderIndex(tmp_path / "other")
    write_article(tmp_path / "o" / "x.md", "又一号", "韩江龙王返航，龙二号随行。")
    options = UpdateOptions(user_dictionary=UserDictionary.of({"龙二号": 1}))
    update_index(other, [str(tmp_path / "o")], options)
    both = combine_indexes([index, other])
    assert both.user_dictionary() == UserDictionary.of({"龙二号": 2})
    with both.open() as engine:
        root = parse("韩江龙王", user=engine.user_dictionary).root
        assert engine.search(EngineRequest(root)).total == 3


def test_spellings_are_cut_with_dictionary() -> None:
    user = UserDictionary.of({"川普": 5})
    query = with_variants(parse("川普", user=user), Variants.WORDS)
    assert describe(query.root) == "川普 OR 特朗普"
    assert parse("川普", user=user).root == Terms("川普", ("川普",), operator=Operator.AND)


def write_names(cli: Cli, text: str = "韓江龍王\n龙二号 2 n\nA股\n") -> str:
    (cli.folder / "names.txt").write_text(text, "utf-8")
    return "names.txt"


def parsed(cli: Cli, *options: str | Path) -> Any:
    return json.loads(cli("search", "韩江龙王", "--json", *options).out)["parsed"]


def test_index_and_reindex_with_dictionary(cli: Cli, archive: Path) -> None:
    names = write_names(cli)
    made = cli("index", archive, "--dictionary", names)
    assert made.status == 0
    assert "1 line of names.txt is not used (“A股”)" in made.err
    assert not cli("index", archive, "--dictionary", names, "-q").err
    assert parsed(cli) == "韩江龙王"
    assert json.loads(cli("stats", "--json").out)["fingerprint"]["user_dictionary"].startswith("2/")
    cli("doctor", "--deep")
    other = write_names(cli, "龙二号\n")
    refused = cli("index", archive, "--dictionary", other, status=2)
    assert "newsgrep reindex --dictionary FILE" in refused.err
    write_names(cli)
    cli("reindex", "--dictionary", names)
    assert parsed(cli) == "韩江龙王"
    cli("reindex", "--no-dictionary", "--dictionary", names, status=2)
    cli("reindex", "--no-dictionary")
    assert parsed(cli) == "(韩江 AND 龙王)"
    assert "user_dictionary" not in cli("stats", "--json").out


def test_copy_has_dictionary_on_server(tmp_path: Path) -> None:
    cli = FakeServerCli(tmp_path)
    write_article(cli.folder / "n" / "a.md", "一号", "韩江龙王今日渡江。")
    server = "opensearch://localhost/news"
    cli("index", "n", "--dictionary", write_names(cli))
    for _ in range(2):
        cli("copy", "--to", server)
    assert parsed(cli, "--index", server) == "韩江龙王"
    cli("doctor", "--deep", "--index", server)
    cli("copy", "--index", server, "--to", "back")
    assert parsed(cli, "--index", "back") == "韩江龙王"
    cli("reindex", "--no-dictionary", "--index", server)
    assert parsed(cli, "--index", server) == "(韩江 AND 龙王)"
    cli("index", "n", "--dictionary", "names.txt", "--index", server, status=2)


def test_words_of_views_are_those_of_dictionary(cli: Cli, archive: Path) -> None:
    cli("index", archive, "--dictionary", write_names(cli))
    found = json.loads(cli("keywords", "渡江", "--json").out)
    assert "韩江龙王" in [word["word"] for word in found["words"]]
    groups = cli("kwic", "今日", "--group", "left", "--csv").out
    assert "韩江龙王" in groups


def test_invalid_dictionary_is_reported(cli: Cli, archive: Path) -> None:
    missing = cli("index", archive, "--dictionary", "none.txt", status=2)
    assert "can't be read" in missing.err
    wrong = cli("index", archive, "--dictionary", write_names(cli, "龙二号 0\n"), status=2)
    assert "names.txt, line 1" in wrong.err
    assert not (cli.folder / "index").exists()
