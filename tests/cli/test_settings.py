"""Which index a command uses, and the configuration file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from newsgrep.cli.settings import format_value
from tests.support.cli import Cli, write_article


@pytest.fixture
def small(cli: Cli) -> Cli:
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。")
    write_article(cli.folder / "n" / "b.md", "乙岛休渔", "渡轮停航。")
    cli("index", "n")
    return cli


@pytest.fixture
def config(cli: Cli) -> Path:
    """Return the configuration file, in a folder that exists."""
    path = cli.folder / "config" / "newsgrep" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def inside(cli: Cli, *names: str) -> Cli:
    """Return the command run in a folder below, with the same home folder."""
    folder = cli.folder.joinpath(*names)
    folder.mkdir(parents=True, exist_ok=True)
    return Cli(folder)


# Finding the index


def test_nearest_index_above_is_used(small: Cli) -> None:
    below = inside(small, "n", "2024", "05")
    assert set(below.found("渡轮")) == {"甲岛开渔", "乙岛休渔"}
    assert below("stats").status == 0
    ran = below("index", "../../../n")
    assert f"2 articles in {small.index}, " in ran.out
    assert not below.index.exists()


def test_index_in_the_current_folder_comes_first(small: Cli) -> None:
    below = inside(small, "n")
    write_article(below.folder / "c" / "c.md", "丙岛造船", "渡轮下水。")
    below("index", "c", "--index", "index")
    assert below.found("渡轮") == ["丙岛造船"]


def test_missing_index_names_the_folders_searched(cli: Cli) -> None:
    ran = inside(cli, "a", "b")("search", "渡轮", status=2)
    assert ran.err.startswith(f"newsgrep: No index in {cli.folder / 'a' / 'b' / 'index'}, nor in ")
    assert f"above ({cli.folder / 'a' / 'index'}, {cli.folder / 'index'}, " in ran.err
    assert "Create one: newsgrep index PATH. Or name yours: --index INDEX." in ran.err
    assert ran.err.count("\n") == 1


def test_index_of_another_user_above_is_not_used(
    small: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    ran = inside(small, "n")("search", "渡轮", status=2)
    assert f"{small.index} (not yours: name it with --index)" in ran.err


def test_tilde_in_index_option_is_the_home_folder(small: Cli) -> None:
    env = {"HOME": str(small.folder)}
    for arguments in (["--index=~/index"], ["--index", "~/index"]):
        assert inside(small, "x")("search", "渡轮", *arguments, env=env).status == 0
    env["NEWSGREP_INDEX"] = "~/index"
    assert inside(small, "x")("search", "渡轮", env=env).status == 0
    assert not (small.folder / "x" / "~").exists()


def test_missing_index_says_what_named_it(small: Cli, tmp_path: Path) -> None:
    env = {"NEWSGREP_INDEX": "/nowhere/x"}
    ran = small("search", "渡轮", env=env, status=2)
    assert ran.err.startswith("newsgrep: No index in /nowhere/x, which NEWSGREP_INDEX names. ")
    ran = small("search", "渡轮", "--index", "/nowhere/y", env=env, status=2)
    assert ran.err.startswith("newsgrep: No index in /nowhere/y. Create one")
    small("config", "index", "/nowhere/z")
    env = {"XDG_CONFIG_HOME": str(small.folder / "config")}
    elsewhere = Path(tmp_path.parent, f"{tmp_path.name}-other")
    elsewhere.mkdir()
    ran = Cli(elsewhere)("search", "渡轮", env=env, status=2)
    assert "/nowhere/z, which " in ran.err
    assert "config.toml names. " in ran.err


# The configuration file


def test_configured_index_is_used_where_none_is_found(small: Cli, tmp_path: Path) -> None:
    small("config", "index", "index")
    elsewhere = Path(tmp_path.parent, f"{tmp_path.name}-elsewhere")
    elsewhere.mkdir()
    env = {"XDG_CONFIG_HOME": str(small.folder / "config")}
    cli = Cli(elsewhere)
    assert "2 articles" in cli("search", "渡轮", env=env).out
    assert cli("search", "渡轮", "--index", "index", env=env, status=2).err.startswith(
        f"newsgrep: No index in {elsewhere / 'index'}. "
    )
    assert cli("search", "渡轮", status=2).out == ""


def test_configuration_sets_defaults_of_options(small: Cli, config: Path) -> None:
    config.write_text('tz = "Europe/London"\n[search]\nlimit = 1\nsource = "雾港"\njson = true\n')
    ran = small("search", "渡轮")
    assert ran.out.startswith("{")
    assert small("search", "渡轮", "--paths", "-n", "2").out.count("\n") == 2
    assert small("search", "渡轮", "--source", "nowhere", status=1).out.startswith("{")
    config.write_text("[saved]\njson = true\n")
    small("saved", "add", "a", "渡轮", status=2)
    config.write_text("timeout = 7\n")
    small("saved", "add", "a", "渡轮")
    assert small("saved", "list").err == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[search", "config.toml is not valid TOML"),
        ("limit = 3", "limit: unknown key; keys are index, engine, tz"),
        ("colour = 'never'", "colour: unknown key; did you mean color."),
        ("[search]\nlimti = 3", "search.limti: unknown key; did you mean limit."),
        ("[search]\nany = 'yes'", "search.any: not true or false."),
        ("[search]\nlimit = 2024-05-17", "search.limit: not a string, a number, true or false."),
        ("[search]\nlimit = -1", "--limit needs a whole number of 0 or more, not “-1” (/"),
        ("color = 'red'", "--color does not take “red” (/"),
        ("index = 3", "index: not the name of a folder or the URL of an index."),
    ],
)
def test_invalid_configuration_names_file_and_key(
    small: Cli, config: Path, text: str, message: str
) -> None:
    config.write_text(text)
    folder = inside(small, "n") if "index" in text else small
    if "index" in text:
        (small.index / "newsgrep.json").rename(small.folder / "gone.json")
    env = {"XDG_CONFIG_HOME": str(small.folder / "config")}
    ran = folder("search", "渡轮", env=env, status=2)
    assert message in ran.err
    assert "config.toml" in ran.err
    assert ran.err.count("\n") == 1


def test_help_and_config_work_with_an_invalid_file(small: Cli, config: Path) -> None:
    config.write_text("wrong = 1\n[search]\nlimti = 3\n")
    assert small("help", "search").status == 0
    small("config", "--unset", "wrong")
    small("config", "--unset", "search.limti")
    assert small("search", "渡轮").status == 0


# newsgrep config


def test_config_sets_prints_and_removes_values(cli: Cli, config: Path) -> None:
    config.write_text("# mine\n\n[kwic]\nwidth = 80  # narrow\n")
    cli("config", "tz", "Europe/London")
    cli("config", "search.limit", "20")
    cli("config", "kwic.sort", "right")
    cli("config", "search.explain", "true")
    assert cli("config").lines == [
        f"# {config}",
        'tz = "Europe/London"',
        "kwic.width = 80",
        'kwic.sort = "right"',
        "search.limit = 20",
        "search.explain = true",
    ]
    assert "# mine" in config.read_text()
    assert "# narrow" in config.read_text()
    assert cli("config", "search.limit").out == "20\n"
    assert cli.json("config")["values"]["tz"] == "Europe/London"
    cli("config", "search.limit", "30")
    assert cli("config", "search.limit").out == "30\n"
    cli("config", "--unset", "search.limit")
    assert cli("config", "search.limit", status=1).out == ""
    assert "limit" not in config.read_text()


def test_config_stores_an_index_by_its_absolute_path(cli: Cli) -> None:
    cli("config", "index", "news.index")
    assert cli("config", "index").out == f"{cli.folder / 'news.index'}\n"
    cli("config", "index", "opensearch://127.0.0.1:9/n")
    assert cli("config", "index").out == "opensearch://127.0.0.1:9/n\n"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("limit", "3", "Unknown key “limit”. Keys are index, engine, tz"),
        ("search.limti", "3", "Unknown key “search.limti”. Did you mean limit?"),
        ("serch.limit", "3", "There is no command “serch”."),
        ("search.limit", "x", "--limit needs a whole number of 0 or more, not “x”"),
        ("search.any", "yes", "--any is true or false, not “yes”."),
        ("color", "red", "--color does not take “red”."),
        ("tz", "Mars", "Unknown time zone “Mars”"),
        ("search.tz", "Mars", "Unknown time zone “Mars”"),
    ],
)
def test_config_rejects_invalid_values(cli: Cli, key: str, value: str, message: str) -> None:
    assert message in cli("config", key, value, status=2).err
    assert cli("config").lines[0].endswith("(does not exist)")


def test_rejected_value_is_not_said_to_be_in_the_file(cli: Cli, config: Path) -> None:
    config.write_text("jobs = 2\n", "utf-8")
    ran = cli("config", "search.limit", "abc", status=2)
    assert ran.err.endswith("not “abc”.\n")


def test_config_does_not_change_what_it_cannot_parse(cli: Cli, config: Path) -> None:
    config.write_text("search = {limit = 3}\n")
    before = config.read_bytes()
    assert "Edit" in cli("config", "search.limit", "4", status=2).err
    assert config.read_bytes() == before


def test_format_value_is_toml() -> None:
    import tomllib

    for value in ('a"b\\c\n\t\x7f渡轮', 3, 2.5, True, ["a", "渡"]):
        assert tomllib.loads(f"x = {format_value(value)}") == {"x": value}
