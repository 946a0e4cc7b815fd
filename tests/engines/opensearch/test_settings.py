"""The indices on a server: their settings, years and generations."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from newsgrep.engines.base import Change, Engine, EngineRequest
from newsgrep.errors import IndexDamaged, ServerProblem
from newsgrep.indexing.copying import CopyOptions, copy_index
from newsgrep.indexing.folder import FolderIndex
from newsgrep.indexing.maintenance import rebuild_index
from newsgrep.indexing.server import ServerIndex
from newsgrep.indexing.update import update_index
from newsgrep.query.ast import MatchAll
from tests.support.cli import TIMEOUT, Cli, write_article
from tests.support.factories import make_article, server_engine, upsert
from tests.support.recording_proxy import Forward, RecordingProxy, Request, Response, forward_all

pytestmark = pytest.mark.engines

MANY = 501
"""More articles than fit into one request: only then the settings are changed."""

Settings = tuple[str, str | None]
"""The number of replicas of an index, and its refresh interval if it is set."""


def many(dates: tuple[str | None, ...] = ("2021-05", "2022-05")) -> Iterator[Change]:
    for n in range(MANY):
        yield upsert(make_article(f"tide{n:03}", "公报", "潮汐表。", date=dates[n % len(dates)]))


def write_many(folder: Path) -> Path:
    for n in range(MANY):
        write_article(folder / f"{n:03}.md", f"第{n}号公报", "潮。", date=f"{2021 + n % 2}-05-01")
    return folder


def name_of(url: str) -> str:
    return ServerIndex(url).address.name


def settings_of(proxy: RecordingProxy, url: str) -> dict[str, Settings]:
    """Return the settings of each index on the server."""
    response = proxy.cluster.request(f"/{name_of(url)}.*/_settings?flat_settings=true")
    found = {}
    for index, each in response.items():
        settings = each["settings"]
        own = settings["index.number_of_replicas"], settings.get("index.refresh_interval")
        found[index.partition(".g")[2]] = own
    return found


def aliases(proxy: RecordingProxy, url: str) -> set[str]:
    response = proxy.cluster.request(f"/{name_of(url)}.*/_alias")
    return {alias for each in response.values() for alias in each["aliases"]}


def change_settings(proxy: RecordingProxy, url: str, replicas: int, interval: str) -> None:
    """Change settings on the server, as its administrator may."""
    body = {"index": {"number_of_replicas": replicas, "refresh_interval": interval}}
    proxy.cluster.request(f"/{name_of(url)}.*/_settings", method="PUT", body=body)


def engine_at(url: str) -> Engine:
    return server_engine(url, create=True)


# During and after a load


def test_load_changes_and_restores_settings(
    proxy: RecordingProxy,
) -> None:
    url = proxy.new("?replicas=1&load_replicas=0")
    engine = engine_at(url)
    meanwhile: dict[str, Settings] = {}

    def seen(request: Request, forward: Forward) -> Response:
        if request.is_bulk and len(proxy.bulks) == 2:
            meanwhile.update(settings_of(proxy, url))
        return forward(request)

    proxy.handler = seen
    engine.write(many())
    assert meanwhile.keys() == {"1.2021", "1.2022", "1.undated", "1.notes"}
    assert set(meanwhile.values()) == {("0", "-1")}
    assert set(settings_of(proxy, url).values()) == {("1", None)}
    assert not [alias for alias in aliases(proxy, url) if "before" in alias]
    engine.close()


def test_failed_load_restores_settings(
    proxy: RecordingProxy,
) -> None:
    url = proxy.new("?replicas=1&load_replicas=0")
    engine = engine_at(url)

    def broken() -> Iterator[Change]:
        yield from many()
        yield from many(("2023-05", None))
        raise RuntimeError

    with pytest.raises(RuntimeError):
        engine.write(broken())
    assert set(settings_of(proxy, url).values()) == {("1", None)}
    # What was sent is visible.
    assert engine.search(EngineRequest(MatchAll(), limit=0)).total >= 500
    engine.close()


def kill_during_load(proxy: RecordingProxy, cli: Cli, url: str) -> None:
    """Kill a run while the server has the settings for loading."""
    reached, dead = Event(), Event()

    def hold_back(request: Request, forward: Forward) -> Response | None:
        if len(proxy.bulks) < 2:
            return forward(request)
        reached.set()
        dead.wait(TIMEOUT)
        return None

    proxy.requests.clear()
    proxy.handler = hold_back
    process = cli.start("index", "n", "--index", url)
    assert reached.wait(TIMEOUT)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=TIMEOUT)
    proxy.handler = forward_all
    dead.set()
    assert ("0", "-1") in settings_of(proxy, url).values()


@pytest.mark.parametrize("next_command", [("index", "n"), ("doctor", "--fix")], ids=" ".join)
def test_settings_after_a_killed_load_are_restored(
    proxy: RecordingProxy, cli: Cli, next_command: tuple[str, ...]
) -> None:
    url = proxy.new("?replicas=1&load_replicas=0")
    write_article(cli.folder / "first" / "a.md", "甲岛开渔", "渡轮照常。", date="2021-05-17")
    cli("index", "first", "--index", url)
    change_settings(proxy, url, 2, "30s")
    write_many(cli.folder / "n")
    kill_during_load(proxy, cli, url)
    ran = cli(*next_command, "--index", url)
    assert ("Restored " in ran.out) == (next_command[0] == "doctor")
    assert set(settings_of(proxy, url).values()) == {("2", "30s")}
    assert not [alias for alias in aliases(proxy, url) if "before" in alias]


def test_new_years_get_the_settings_of_existing_ones(
    proxy: RecordingProxy,
) -> None:
    url = proxy.new("?replicas=1")
    engine = engine_at(url)
    change_settings(proxy, url, 0, "30s")
    engine.write(many())
    engine.write([upsert(make_article("a", "公报", "潮", date="1999-05"))])
    assert settings_of(proxy, url).keys() == {"1.1999", "1.2021", "1.2022", "1.undated", "1.notes"}
    assert set(settings_of(proxy, url).values()) == {("0", "30s")}
    engine.close()


def test_last_of_two_loaders_restores_settings(
    proxy: RecordingProxy,
) -> None:
    url = proxy.new("?replicas=1&load_replicas=0")
    first, second = engine_at(url), engine_at(url)

    def meanwhile() -> Iterator[Change]:
        yield from many()
        yield from many()
        second.write(many(("2023-05",)))
        yield from many(("2024-05",))

    first.write(meanwhile())
    assert set(settings_of(proxy, url).values()) == {("1", None)}
    assert not [alias for alias in aliases(proxy, url) if "before" in alias]
    first.close()
    second.close()


# Years and generations


def test_one_index_per_year_behind_one_name(proxy: RecordingProxy) -> None:
    url = proxy.new("?replicas=0&shards=2")
    name = name_of(url)
    engine = engine_at(url)
    dates = ("1958-10-01", "2024", "2024-05-17T08:30:00+08:00", "2023-12-31T23:30:00+00:00", None)
    engine.write(
        upsert(make_article(f"a{number}", "公报", "潮", date=date))
        for number, date in enumerate(dates)
    )
    response = proxy.cluster.request(f"/{name}/_search", method="POST")["hits"]["hits"]
    years = {hit["_id"]: hit["_index"].removeprefix(f"{name}.g1.") for hit in response}
    # The evening of the 31st in UTC is the 1st in China.
    assert years == {"a0": "1958", "a1": "2024", "a2": "2024", "a3": "2024", "a4": "undated"}
    behind = proxy.cluster.request(f"/_alias/{name}")
    assert behind.keys() == {f"{name}.g1.{year}" for year in ("1958", "2024", "undated")}
    settings = proxy.cluster.request(f"/{name}/_settings?flat_settings=true").values()
    assert {each["settings"]["index.number_of_shards"] for each in settings} == {"2"}
    engine.close()


def test_readers_during_a_replacement_see_old_or_new(proxy: RecordingProxy, tmp_path: Path) -> None:
    target = ServerIndex(proxy.new())
    for folder, count in (("old", 7), ("new", 11)):
        for n in range(count):
            path = tmp_path / folder / f"{n}.md"
            write_article(path, f"{folder}{n}", "潮汐", date=f"{2021 + n % 4}-05-17")
        update_index(FolderIndex(tmp_path / f"{folder}.index"), [str(tmp_path / folder)])
    copy_index(FolderIndex(tmp_path / "old.index"), target, CopyOptions())
    whole = {
        folder: frozenset(f"{folder}{n}" for n in range(count))
        for folder, count in (("old", 7), ("new", 11))
    }
    seen: list[frozenset[str]] = []
    missed: list[ServerProblem] = []
    done = Event()

    def read() -> None:
        while not done.is_set():
            try:
                with target.open() as engine:
                    found = engine.search(EngineRequest(MatchAll(), limit=99))
                    titles = frozenset(
                        each.title for each in engine.get(each.id for each in found.candidates)
                    )
                    assert found.total == len(titles)
                    seen.append(titles)
            except ServerProblem as exc:  # the old generation was deleted
                missed.append(exc)

    reader = Thread(target=read)
    reader.start()
    try:
        for turn in range(3):
            source = tmp_path / ("old.index" if turn % 2 else "new.index")
            copy_index(FolderIndex(source), target, CopyOptions(replace=True))
    finally:
        done.set()
        reader.join()
    assert set(seen) == set(whole.values())
    assert all("again" in str(each) for each in missed)
    with target.open() as engine:
        assert engine.search(EngineRequest(MatchAll(), limit=0)).total == 11
    left = proxy.cluster.request(f"/{target.address.name}.*/_alias")
    assert {index.split(".")[1] for index in left} == {"g5"}


def test_reader_of_a_replaced_index_gets_an_error(
    proxy: RecordingProxy,
) -> None:
    index = ServerIndex(proxy.new())
    reader = _written(index)
    assert reader.search(EngineRequest(MatchAll(), limit=0)).total == 3
    rebuild_index(index)
    with pytest.raises(ServerProblem, match="Try again"):
        reader.search(EngineRequest(MatchAll(), limit=0))
    reader.close()
    with index.open() as engine:
        assert engine.search(EngineRequest(MatchAll(), limit=0)).total == 3


def _written(index: ServerIndex) -> Engine:

    with index.create() as engine:
        engine.write(
            upsert(make_article(f"a{n}", "公报", "潮", date=f"{2021 + n}")) for n in range(3)
        )
    return server_engine(index.url)


def test_rebuild_does_not_lose_concurrent_writes(proxy: RecordingProxy, tmp_path: Path) -> None:
    index = ServerIndex(proxy.new())
    write_article(tmp_path / "n" / "a.md", "甲岛开渔", "渡轮照常。")
    update_index(index, [str(tmp_path / "n")])
    write_article(tmp_path / "n" / "b.md", "乙岛休渔", "渡轮停航。")

    def meanwhile(done: int, _: int | None) -> None:
        if done == 1:
            update_index(index, [str(tmp_path / "n")])

    with pytest.raises(ServerProblem, match=r"written to the index .* meanwhile"):
        rebuild_index(index, progress=meanwhile)
    assert {each.partition(".")[0] for each in settings_of(proxy, index.url)} == {"1"}
    rebuild_index(index)
    with index.open() as engine:
        assert engine.search(EngineRequest(MatchAll(), limit=0)).total == 2


def test_copy_does_not_replace_a_new_index(proxy: RecordingProxy, tmp_path: Path) -> None:
    index = ServerIndex(proxy.new())
    for name in ("a", "b"):
        write_article(tmp_path / name / "1.md", f"{name}公报", "渡轮照常。")
    update_index(FolderIndex(tmp_path / "a.index"), [str(tmp_path / "a")])

    def meanwhile(done: int, _: int | None) -> None:
        if done == 1:
            update_index(index, [str(tmp_path / "b")])

    with pytest.raises(ServerProblem, match="meanwhile"):
        copy_index(FolderIndex(tmp_path / "a.index"), index, CopyOptions(progress=meanwhile))
    with index.open() as engine:
        (found,) = engine.search(EngineRequest(MatchAll())).candidates
        assert [each.title for each in engine.get([found.id])] == ["b公报"]


def test_killed_rebuild_leaves_the_old_index(proxy: RecordingProxy, cli: Cli) -> None:
    url = proxy.new()
    for n in range(3):
        write_article(cli.folder / "n" / f"{n}.md", f"第{n}号公报", "潮", date=f"{2021 + n}-05-17")
    cli("index", "n", "--index", url)
    reached, dead = Event(), Event()

    def hold_back(request: Request, forward: Forward) -> Response | None:
        if not request.is_bulk:
            return forward(request)
        reached.set()
        dead.wait(TIMEOUT)
        return None

    proxy.requests.clear()
    proxy.handler = hold_back
    process = cli.start("reindex", "--index", url)
    assert reached.wait(TIMEOUT)
    assert cli.found("潮", "--index", url)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=TIMEOUT)
    dead.set()
    assert "1.2021" in settings_of(proxy, url)
    assert len(cli.found("潮", "--index", url)) == 3
    # The proxy drops every bulk request now.
    assert "can't be reached" in cli("reindex", "--index", url, status=2).err
    assert settings_of(proxy, url).keys() == {"1.2021", "1.2022", "1.2023", "1.undated", "1.notes"}
    proxy.handler = forward_all
    assert f"Rebuilt {url}: 3 articles" in cli("reindex", "--index", url).out
    assert settings_of(proxy, url).keys() == {"2.2021", "2.2022", "2.2023", "2.undated", "2.notes"}
    assert len(cli.found("潮", "--index", url)) == 3


def test_killed_copy_can_be_repeated(proxy: RecordingProxy, cli: Cli) -> None:
    for n in range(6):
        write_article(cli.folder / "n" / f"{n}.md", f"第{n}号公报", "潮", date=f"{2021 + n % 3}-05")
    (cli.folder / "n" / "empty.txt").write_bytes(b"")
    cli("index", "n")
    url = proxy.new()
    reached, dead = Event(), Event()

    def hold_back(request: Request, forward: Forward) -> Response:
        response = forward(request)
        if request.is_bulk:  # the server has it, without a response
            reached.set()
            dead.wait(TIMEOUT)
        return response

    proxy.handler = hold_back
    process = cli.start("copy", "--to", url)
    assert reached.wait(TIMEOUT)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=TIMEOUT)
    proxy.handler = forward_all
    dead.set()
    assert settings_of(proxy, url)
    # An incomplete copy is not an index.
    assert "No index" in cli("search", "潮", "--index", url, status=2).err
    assert cli("copy", "--to", url).out.startswith("Copied 6 articles and 7 file records ")
    assert cli("index", "n", "--index", url).out.startswith("7 files seen: 6 unchanged, 1 without")
    assert len({index.split(".")[0] for index in settings_of(proxy, url)}) == 1
    assert set(settings_of(proxy, url).values()) == {("0", None)}


def test_leftovers_of_a_killed_copy_do_no_harm(proxy: RecordingProxy, tmp_path: Path) -> None:
    index = ServerIndex(proxy.new())
    for name in ("a", "b"):
        write_article(tmp_path / name / "1.md", f"{name}公报", "渡轮照常。", date="2021-05-17")
    update_index(FolderIndex(tmp_path / "a.index"), [str(tmp_path / "a")])

    def broken(request: Request, forward: Forward) -> Response | None:
        return None if request.is_bulk or request.method == "DELETE" else forward(request)

    proxy.handler = broken
    with pytest.raises(ServerProblem):
        copy_index(FolderIndex(tmp_path / "a.index"), index, CopyOptions())
    proxy.handler = forward_all
    assert settings_of(proxy, index.url)
    update_index(index, [str(tmp_path / "b")])
    copy_index(FolderIndex(tmp_path / "a.index"), index, CopyOptions(replace=True))
    with index.open() as engine:
        (found,) = engine.search(EngineRequest(MatchAll())).candidates
        assert [each.title for each in engine.get([found.id])] == ["a公报"]


# Manifests


def test_other_fingerprint_is_rejected(proxy: RecordingProxy, cli: Cli) -> None:
    url = proxy.new()
    name = name_of(url)
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。")
    cli("index", "n", "--index", url)
    response = proxy.cluster.request(f"/{name}.*/_mapping")
    (manifest,) = {repr(each["mappings"]["_meta"]["newsgrep"]) for each in response.values()}
    assert "analyser" in manifest

    def change_manifest(index: str, changes: dict[str, Any]) -> None:
        own = response[f"{name}.g1.undated"]["mappings"]["_meta"]["newsgrep"]
        body = {"_meta": {"newsgrep": own | changes}}
        proxy.cluster.request(f"/{index}/_mapping", method="PUT", body=body)

    change_manifest(f"{name}.g1.*", {"analyser": {"fold": "older"}})
    for arguments in (("search", "渡轮", "--json"), ("index", "n")):
        ran = cli(*arguments, "--index", url, status=2)
        assert "newsgrep reindex" in ran.err
        assert ran.out == ""
    cli("reindex", "--index", url)
    assert cli.found("渡轮", "--index", url) == ["甲岛开渔"]
    response = proxy.cluster.request(f"/{name}.*/_mapping")
    assert {repr(each["mappings"]["_meta"]["newsgrep"]) for each in response.values()} == {manifest}


def test_foreign_index_is_rejected_and_unchanged(proxy: RecordingProxy, cli: Cli) -> None:
    url = proxy.new()
    name = name_of(url)
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。")
    cli("index", "n")
    proxy.cluster.request(f"/{name}/_doc/1?refresh=true", method="PUT", body={"a": "渡轮"})
    before = proxy.cluster.request(f"/{name}")
    for arguments in (
        ("search", "渡轮", "--index", url),
        ("index", "n", "--index", url),
        ("reindex", "--index", url),
        ("copy", "--to", url, "--replace"),
        ("doctor", "--fix", "--index", url),
    ):
        ran = cli(*arguments, status=2)
        assert "was not created by newsgrep" in ran.err + ran.out, arguments
    assert proxy.cluster.request(f"/{name}") == before
    assert proxy.cluster.request(f"/{name}/_count")["count"] == 1


def test_mixed_generations_are_rejected(proxy: RecordingProxy) -> None:
    url = proxy.new()
    name = name_of(url)
    _written(ServerIndex(url)).close()
    response = proxy.cluster.request(f"/{name}.g1.2021")[f"{name}.g1.2021"]["mappings"]
    body = {"mappings": response, "aliases": {name: {}}}
    proxy.cluster.request(f"/{name}.g2.2021", method="PUT", body=body)
    with (
        pytest.raises(IndexDamaged, match="a mixture of several generations"),
        ServerIndex(url).open(),
    ):
        pass
