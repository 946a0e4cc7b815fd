"""An index on a server is used like one in a folder, and the differences are documented."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsgrep.engines.base import EngineRequest
from newsgrep.errors import IndexDamaged, IndexMismatch, Interrupted, UsageError
from newsgrep.indexing import index_at
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.maintenance import rebuild_index
from newsgrep.indexing.manifest import fingerprint
from newsgrep.indexing.server import ServerIndex
from newsgrep.indexing.store import Index
from newsgrep.indexing.update import UpdateOptions, update_index
from newsgrep.query.ast import MatchAll
from tests.support import fake_server
from tests.support.cli import write_article
from tests.support.fake_server import SILENT_HOST, FakeServerCli
from tests.support.manifests import change_manifest

URL = "opensearch://localhost/news"

_OF_FILES = {"newer_files", "all_files_checked"}
KEY = "localhost:9200/news"


@pytest.fixture
def served(tmp_path: Path) -> FakeServerCli:
    cli = FakeServerCli(tmp_path)
    for name, source, title, text in (
        ("a.md", "雾港日报", "甲岛开渔", "渡轮照常，海带上市。"),
        ("b.md", "雾港日报", "乙島休漁", "渡輪停航，漁船回港。"),
        ("c.md", "鹭岛电台", "丙岛造船", "渡轮下水，船厂庆祝。"),
    ):
        write_article(cli.folder / "n" / name, title, text, source=source)
    return cli


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ServerIndex]:
    """Return an index that does not exist yet on a fake server in this process."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv(fake_server.STATE_FILE_VARIABLE, raising=False)
    with fake_server.registered_server():
        yield ServerIndex(URL)


def titles(index: Index) -> list[str]:
    with index.open() as engine:
        found = engine.search(EngineRequest(MatchAll(), limit=999)).candidates
        return sorted(article.title for article in engine.get(each.id for each in found))


def three(folder: Path) -> Path:
    for number in (1, 2, 3):
        write_article(folder / f"{number}.md", f"第{number}号公报", "潮汐表照常张贴。" * number)
    return folder


# Like an index in a folder


COMMANDS = (
    ("search", "渔船", "--json"),
    ("search", '"渡轮"', "--json", "--facets", "source,month", "--sort", "date"),
    ("search", "鲸鱼", "--json"),
    ("search", "saved:船", "--json"),
    ("timeline", "渡轮", "--json"),
    ("kwic", "渡轮", "--jsonl"),
    ("keywords", "渡轮", "--json"),
    ("compare", "渡轮", "--sources", "雾港日报,鹭岛电台", "--json"),
    ("similar", "n/a.md", "--json"),
    ("show", "n/b.md", "--json"),
    ("saved", "list", "--json"),
    ("batch", "queries.txt"),
)


def test_commands_answer_alike_for_server_and_folder(served: FakeServerCli) -> None:
    (served.folder / "queries.txt").write_text("渡轮\n海带\n", "utf-8")
    for index in ("folder", URL):
        ran = served("index", "n", "--index", index)
        assert ran.out.startswith("3 files seen: 3 added; 3 articles in ")
        served("saved", "add", "船", "造船", "--index", index)
    for command in COMMANDS:
        here = served(*command, "--index", "folder", status=None)
        there = served(*command, "--index", URL, status=None)
        assert (here.status, _results(here.out)) == (there.status, _results(there.out)), (
            here.err,
            there.err,
        )
        assert here.status in {0, 1}, here.err
    assert served("index", "n", "--index", URL).out.startswith("3 files seen: 3 unchanged")
    assert {path.name for path in served.folder.iterdir()} == {
        "n", "folder", "folder.saved", "queries.txt", "start", "server.pickle", "data",
    }  # fmt: skip


def _results(out: str) -> list[object]:
    """Return the objects in ``out`` without times, with rounded scores."""
    report = [json.loads(out)] if out.startswith("{\n") else list(map(json.loads, out.splitlines()))
    return [_without(each) for each in report]


def _without(value: object) -> object:
    if isinstance(value, dict):
        kept = {key: _without(part) for key, part in value.items() if key != "took_ms"}
        return {key: part for key, part in kept.items() if key not in _OF_FILES}
    if isinstance(value, list):
        return [_without(part) for part in value]
    return round(value, 9) if isinstance(value, float) else value


def test_stats_and_doctor_name_server(served: FakeServerCli) -> None:
    served("index", "n", "--index", URL)
    report = json.loads(served("stats", "--json", "--index", URL).out)
    assert (report["index"], report["engine"], report["articles"]) == (URL, "opensearch", 3)
    assert report["bytes"] > 0
    assert f"{URL} is intact: 3 articles" in served("doctor", "--index", URL).out


def test_new_state_is_in_users_own_folder(served: FakeServerCli) -> None:
    served("index", "n", "--index", URL)
    served("saved", "add", "船", "渡轮", "--index", URL)
    served("new", "--index", URL, status=1)
    write_article(served.folder / "n" / "d.md", "丁岛停电", "渡轮停航。")
    served("index", "n", "--index", URL)
    report = served("new", "--index", "opensearch+http://LOCALHOST:9200/news")
    assert [json.loads(line)["title"] for line in report.lines] == ["丁岛停电"]
    served("new", "--index", URL, status=1)
    (folder,) = (served.folder / "data" / "newsgrep" / "remote").iterdir()
    assert folder.name.startswith("news-localhost-")
    assert {path.name for path in folder.iterdir()} >= {"newsgrep.saved.json", "newsgrep.seen"}


def test_environment_variable_may_contain_url(served: FakeServerCli) -> None:
    served("index", "n", env={"NEWSGREP_INDEX": URL})
    assert served("search", "渡轮", "--paths", env={"NEWSGREP_INDEX": URL}).lines != []
    assert not served.index.exists()


def test_missing_server_index_names_next_step(served: FakeServerCli) -> None:
    ran = served("search", "渡轮", "--index", URL, status=2)
    assert f"newsgrep index --index {URL} PATH" in ran.err
    ran = served("saved", "add", "船", "渡轮", "--index", URL, status=2)
    assert "No index" in ran.err
    assert not (served.folder / "data").exists()


def test_server_problem_is_one_line_and_status_2(served: FakeServerCli) -> None:
    for command in (("search", "渡轮"), ("index", "n"), ("doctor",), ("stats",), ("new",)):
        ran = served(*command, "--index", f"opensearch://{SILENT_HOST}/news", status=2)
        assert ran.err.count("\n") == 1
    ran = served("search", "渡轮", "--index", f"opensearch://{SILENT_HOST}/news", status=2)
    assert "does not respond" in ran.err


@pytest.mark.parametrize("command", [("search", "渡轮"), ("index", "n"), ("stats",)])
def test_password_in_url_is_refused_and_not_printed(
    served: FakeServerCli, command: tuple[str, ...]
) -> None:
    wrong = "opensearch://reader:geheim@localhost/news"
    for ran in (
        served(*command, "--index", wrong, status=2),
        served(*command, env={"NEWSGREP_INDEX": wrong}, status=2),
        served("copy", "--to", wrong, status=2),
    ):
        assert "NEWSGREP_OPENSEARCH_PASSWORD" in ran.err
        assert "geheim" not in ran.err + ran.out


def test_unknown_url_scheme_is_refused(served: FakeServerCli) -> None:
    for wrong in ("https://localhost:9200/news", "opensearch:/localhost/news", "OpenSearch:news"):
        ran = served("index", "n", "--index", wrong, status=2)
        assert "opensearch://HOST[:PORT]/NAME" in ran.err
    assert not list(served.folder.glob("*:*"))


def test_index_at_recognises_spellings_of_one_url(tmp_path: Path) -> None:
    assert index_at("a/b") == FolderIndex(Path("a/b"))
    assert index_at("./opensearch://x") == FolderIndex(Path("./opensearch://x"))
    same = ("opensearch://h/n", "opensearch+https://H:9200/n/", "opensearch://h/n?shards=3")
    others = ("opensearch://h/n2", "opensearch://h2/n", "opensearch://h:9201/n")
    folders = {index_at(url).personal_folder for url in same}
    assert len(folders) == 1
    assert len({index_at(url).personal_folder for url in (same[0], *others)}) == 4
    assert str(index_at(same[2])) == same[2]
    assert FolderIndex(tmp_path / "a").personal_folder == tmp_path.resolve() / "a.saved"


# Differences


def test_server_index_accepts_several_writers(server: ServerIndex, tmp_path: Path) -> None:
    first, second = three(tmp_path / "one"), tmp_path / "two"
    write_article(second / "4.md", "第4号公报", "潮汐表照常张贴。")
    inside: list[int] = []

    def meanwhile(done: int, _: int | None) -> None:
        if done == 1:
            inside.append(update_index(server, [str(second)]).articles)

    update_index(server, [str(first)], UpdateOptions(progress=meanwhile))
    assert inside == [2]
    assert len(titles(server)) == 4


def test_update_restores_settings_of_dead_run(server: ServerIndex, tmp_path: Path) -> None:
    folder = three(tmp_path / "n")
    update_index(server, [str(folder)])
    before = fake_server.INDEXES[KEY].tidied
    update_index(server, [str(folder)])
    assert fake_server.INDEXES[KEY].tidied == before + 1
    (folder / "1.md").unlink()
    update_index(server, [str(folder)])
    assert fake_server.INDEXES[KEY].tidied == before + 2


def test_interrupted_update_of_server_continues(server: ServerIndex, tmp_path: Path) -> None:
    folder = three(tmp_path / "n")

    def stop(done: int, _: int | None) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="continues from there"):
        update_index(server, [str(folder)], UpdateOptions(progress=stop))
    assert titles(server) == ["第1号公报", "第2号公报"]
    update_index(server, [str(folder)])
    assert len(titles(server)) == 3


def test_rollback_of_server_index_is_refused(served: FakeServerCli) -> None:
    served("index", "n", "--index", URL)
    ran = served("doctor", "--rollback", "--index", URL, status=2)
    assert "snapshots" in ran.err


def test_doctor_fix_saves_readable_articles_of_server(served: FakeServerCli) -> None:
    served("index", "n", "--index", URL)
    indexes = served.indexes
    broken = next(iter(indexes[KEY]._documents))
    indexes[KEY].unreadable.add(broken)
    served.put(indexes)
    assert "can't be read" in served("doctor", "--index", URL, status=2).out
    ran = served("reindex", "--index", URL, status=2)
    assert "doctor --fix" in ran.err
    assert served.indexes[KEY].unreadable == {broken}
    assert "lost: " in served("doctor", "--fix", "--index", URL, status=2).out
    served("doctor", "--index", URL)
    assert served("index", "n", "--index", URL).out.startswith("3 files seen: 1 added, 2 unch")


def test_rebuild_server_index_of_other_analyser_not_format(
    server: ServerIndex, tmp_path: Path
) -> None:
    update_index(server, [str(three(tmp_path / "n"))])
    own = dict(fake_server.INDEXES[KEY].manifest)
    fake_server.INDEXES[KEY].manifest = own | {"analyser": {"fold": "older"}}
    with pytest.raises(IndexMismatch, match="newsgrep reindex"):
        titles(server)
    rebuild_index(server)
    assert fake_server.INDEXES[KEY].manifest == own
    assert len(titles(server)) == 3
    fake_server.INDEXES[KEY].manifest = own | {"format": 999}
    with pytest.raises(IndexMismatch, match="in a format"):
        rebuild_index(server)
    for nonsense in ({}, own | {"engine": "whoosh"}, own | {"format": None, "engine": 7}):
        fake_server.INDEXES[KEY].manifest = nonsense
        with pytest.raises(IndexDamaged):
            titles(server)


def test_failed_rebuild_keeps_server_index(server: ServerIndex, tmp_path: Path) -> None:
    update_index(server, [str(three(tmp_path / "n"))])
    there = fake_server.INDEXES[KEY]
    there.unreadable.add(list(there._documents)[-1])
    with pytest.raises(IndexDamaged):
        rebuild_index(server)
    assert fake_server.INDEXES[KEY] is there


def test_manifest_in_folder_cannot_name_server_engine(served: FakeServerCli) -> None:
    served("index", "n")
    analyser = fingerprint("opensearch")
    change_manifest(served.index, engine="opensearch", data="opensearch", analyser=analyser)
    assert "can't have its data in" in served("search", "渡轮", status=2).err
    served("doctor", "--fix", status=2)


def test_folder_engine_is_refused_for_url(served: FakeServerCli) -> None:
    ran = served("index", "n", "--engine", "whoosh", "--index", URL, status=2)
    assert "on a server" in ran.err
    with pytest.raises(UsageError):
        update_index(ServerIndex(URL), ["n"], UpdateOptions(engine="whoosh"))


def test_empty_result_from_server_checks_no_files(
    served: FakeServerCli,
) -> None:
    served("index", "n", "--index", URL)
    for path in (served.folder / "n").iterdir():
        path.unlink()
    ran = served("search", "鲸鱼", "--index", URL, status=1)
    assert "No article matches" in ran.err
    assert "gone since" not in ran.err
