"""``newsgrep saved``: queries stored with the index, used by name, never half-written."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from newsgrep.errors import QueryError
from newsgrep.query.ast import And
from newsgrep.query.parser import parse
from tests.support.cli import NEWSGREP, TIDE_SOURCES, Cli, clean_environment, write_article


@pytest.fixture
def harbour(cli: Cli) -> Cli:
    """Run newsgrep with nine articles about ferries; the odd ones are also about fog."""
    for number in range(9):
        body = "渡轮照常。" + "大雾。" * (number % 2) + f"第{number}班。"
        source = TIDE_SOURCES[number % 3]
        write_article(cli.folder / "n" / f"{number}.md", f"第{number}班", body, source=source)
    cli("index", "n")
    return cli


def saved(cli: Cli) -> dict[str, str]:
    ran = cli("saved", "list", "--json", status=None)
    return {each["name"]: each["query"] for each in json.loads(ran.stdout)["queries"]}


def test_saved_query_works_inside_other_queries(harbour: Cli) -> None:
    harbour("saved", "add", "雾", "大雾 OR 海豚")
    harbour("saved", "add", "雾港", 'saved:雾 source:"雾港"')
    for typed, meant in (
        ("saved:雾", "大雾 OR 海豚"),
        ("saved:霧", "大雾 OR 海豚"),
        ("渡轮 saved:雾", "渡轮 (大雾 OR 海豚)"),
        ("渡轮 -saved:雾", "渡轮 -(大雾 OR 海豚)"),
        ("saved:雾港 OR 第2班", "((大雾 OR 海豚) source:雾港) OR 第2班"),
        ("SAVED：雾港", "(大雾 OR 海豚) source:雾港"),
    ):
        one, other = (harbour.json("search", "-n", "99", q) for q in (typed, meant))
        assert one["hits"] == other["hits"] != []
        assert one["parsed"] == other["parsed"]
        assert one["query"] == typed
    ran = harbour("batch", "-", "--no-hits", stdin="saved:雾\n".encode())
    assert json.loads(ran.stdout)["total"] == 4
    path = next((harbour.folder / "n").glob("1.md"))
    shown = harbour("show", path, "--match", "saved:雾", "--color", "always").out
    assert "\x1b[1;31m大雾" in shown


def test_saved_list_show_replace_remove(harbour: Cli) -> None:
    assert saved(harbour) == {}
    assert "newsgrep saved add NAME QUERY" in harbour("saved", "list", status=1).err
    harbour("saved", "add", "b", "-大雾", "渡轮")
    harbour("saved", "add", "a", "大雾")
    assert harbour("saved", "list").out == "a\t大雾\nb\t-大雾 渡轮\n"
    assert harbour("saved", "show", "A").out == "大雾\n"
    assert "--replace" in harbour("saved", "add", "A", "海豚", status=2).err
    harbour("saved", "add", "A", "海豚", "--replace")
    assert saved(harbour) == {"A": "海豚", "b": "-大雾 渡轮"}
    harbour("saved", "remove", "a")
    for args in (["remove", "a"], ["show", "a"]):
        assert "There is no saved query “a”" in harbour("saved", *args, status=2).err
    assert saved(harbour) == {"b": "-大雾 渡轮"}


@pytest.mark.parametrize(
    ("name", "query", "message"),
    [
        ("x", '"大雾', "Unclosed quote"),
        ("x", "saved:nobody", "“nobody”"),
        ("x", "saved:x", "refers to itself"),
        ("x", " ", "empty"),
        ("../x", "大雾", "not a valid name"),
        ("", "大雾", "not a valid name"),
        (".x", "大雾", "not a valid name"),
        ("a b", "大雾", "not a valid name"),
        ("x" * 49, "大雾", "not a valid name"),
        ("a\nb", "大雾", "not a valid name"),
    ],
)
def test_saved_add_rejects_invalid_queries(
    harbour: Cli, name: str, query: str, message: str
) -> None:
    ran = harbour("saved", "add", name, query, status=2)
    assert message in ran.err
    assert saved(harbour) == {}


def test_saved_remove_refuses_a_query_in_use(harbour: Cli) -> None:
    harbour("saved", "add", "a", "大雾")
    harbour("saved", "add", "b", "saved:a 渡轮")
    before = saved(harbour)
    assert "“b” uses this one" in harbour("saved", "remove", "a", status=2).err
    assert "refers to itself" in harbour("saved", "add", "a", "saved:b", "--replace", status=2).err
    assert saved(harbour) == before


def test_saved_unknown_name_lists_known_ones(harbour: Cli) -> None:
    assert "No saved query “c”. Save one with" in harbour("search", "saved:c", status=2).err
    harbour("saved", "add", "a", "大雾")
    first, query, caret = harbour("search", "渡轮 saved:c", status=2).err.splitlines()
    assert "No saved query “c”. Saved queries: a (" in first
    assert query == "  渡轮 saved:c"
    assert caret == " " * (2 + 5 + 6) + "^"  # the width of two Han characters, a space, saved:


def test_saved_queries_survive_reindex(harbour: Cli) -> None:
    harbour("saved", "add", "a", "大雾")
    harbour("reindex")
    assert len(harbour.found("saved:a")) == 4
    shutil.rmtree(harbour.index)
    harbour("index", "n")
    assert len(harbour.found("saved:a")) == 4


def test_what_new_has_shown_survives_an_index_that_is_created_again(harbour: Cli) -> None:
    harbour("saved", "add", "a", "大雾")
    harbour("new", status=1)
    shutil.rmtree(harbour.index)
    harbour("index", "n")
    assert harbour("new", status=1).out == ""
    write_article(harbour.folder / "n" / "z.md", "第九号大雾", "大雾到中午才散。")
    shutil.rmtree(harbour.index)
    harbour("index", "n")
    assert [json.loads(line)["title"] for line in harbour("new").lines] == ["第九号大雾"]


def test_what_an_older_newsgrep_kept_in_the_index_is_copied(harbour: Cli) -> None:
    harbour("saved", "add", "a", "大雾")
    harbour("new", status=1)
    beside = harbour.folder / "index.saved"
    for name in ("newsgrep.saved.json", "newsgrep.seen"):
        shutil.move(beside / name, harbour.index / name)
    shutil.rmtree(beside)
    assert len(harbour.found("saved:a")) == 4  # is read where it is
    assert not beside.exists()
    harbour("reindex")
    shutil.rmtree(harbour.index)
    harbour("index", "n")
    assert harbour.json("saved", "list")["queries"] == [{"name": "a", "query": "大雾"}]
    assert harbour("new", status=1).out == ""


def test_saved_queries_are_found_by_any_name_of_the_index(harbour: Cli) -> None:
    harbour("saved", "add", "a", "大雾")
    (harbour.folder / "link").symlink_to("index")
    (harbour.folder / "inside").mkdir()
    for name in ("link", "./inside/../index", str(harbour.index)):
        assert "a\t大雾" in harbour("saved", "list", "--index", name).out
    assert "a\t大雾" in Cli(harbour.index)("saved", "list", "--index", ".").out


def test_saved_add_needs_an_index(cli: Cli) -> None:
    assert "No index" in cli("saved", "add", "a", "大雾", status=2).err
    assert not cli.index.exists()


@pytest.mark.parametrize(
    "data",
    [b"{", b"[]", b'{"version":2,"queries":{}}', b'{"version":1,"queries":{"a":1}}', b"\xff",
     b'{"version":1,"queries":{"../a":"x"}}', b'{"version":1,"queries":[]}'],
)  # fmt: skip
def test_saved_invalid_file_is_an_error_when_used(harbour: Cli, data: bytes) -> None:
    path = harbour.index / "newsgrep.saved.json"
    path.write_bytes(data)
    for args in (["search", "saved:a"], ["saved", "list"], ["saved", "add", "b", "x"], ["new"]):
        ran = harbour(*args, status=2)
        assert "newsgrep.saved.json can't be read" in ran.err
    assert path.read_bytes() == data
    assert len(harbour.found("大雾")) == 4


def test_saved_add_is_safe_in_parallel(harbour: Cli) -> None:
    processes = [
        subprocess.Popen(
            [NEWSGREP, "saved", "add", f"q{n}", "大雾"],
            cwd=harbour.folder,
            env=clean_environment(harbour.folder),
            stderr=subprocess.PIPE,
        )
        for n in range(8)
    ]
    done = {n: process.communicate()[1] for n, process in enumerate(processes)}
    kept = {f"q{n}" for n in done if processes[n].returncode == 0}
    assert kept
    assert set(saved(harbour)) == kept
    assert {processes[n].returncode for n in done} <= {0, 75}


def test_saved_rejects_cycles_and_growth() -> None:
    doubled = {f"q{n}": f"saved:q{n + 1} saved:q{n + 1}" for n in range(40)} | {"q40": "水"}
    with pytest.raises(QueryError, match="100,000 characters"):
        parse("saved:q0", saved=lambda: doubled)
    deep = {f"q{n}": f"saved:q{n + 1}" for n in range(60)} | {"q60": "水"}
    with pytest.raises(QueryError, match="More than 50"):
        parse("saved:q0", saved=lambda: deep)
    strings = {"q": '"水" ' * 300}
    with pytest.raises(QueryError, match="500 quoted strings"):
        parse("saved:q saved:q", saved=lambda: strings)


def test_saved_query_error_points_at_its_name() -> None:
    with pytest.raises(QueryError, match="In the saved query “a”") as result:
        parse("水 saved:a", saved=lambda: {"a": "(水"})
    assert (result.value.query, result.value.position) == ("水 saved:a", 8)


def test_saved_file_is_read_only_when_named() -> None:
    def fail() -> dict[str, str]:
        raise AssertionError

    assert isinstance(parse('水 渔业 "saved:a"', saved=fail).root, And)


def test_saved_file_is_readable_json(harbour: Cli) -> None:
    harbour("saved", "add", "雾", "大雾")
    text = (harbour.folder / "index.saved" / "newsgrep.saved.json").read_text("utf-8")
    assert '"雾": "大雾"' in text


@pytest.mark.parametrize(
    "command",
    [
        ["search"],
        ["timeline"],
        ["kwic"],
        ["keywords"],
        ["compare", "--sources", "雾港日报,鹭岛电台"],
    ],
    ids=lambda command: command[0],
)
def test_all_query_commands_accept_saved_and_minus(
    tides: Cli, tmp_path: Path, command: list[str]
) -> None:
    cli = Cli(tmp_path)
    shutil.copytree(tides.index, cli.index)
    cli("saved", "add", "灯塔", "潮汐 灯塔")
    as_saved = cli(*command, "saved:灯塔", "-台风")
    assert as_saved.lines[:-1] == cli(*command, "潮汐 灯塔", "-台风").lines[:-1]
    assert as_saved.lines != cli(*command, "潮汐 灯塔").lines
    assert "No saved query “码头”" in cli(*command, "saved:码头", status=2).err
