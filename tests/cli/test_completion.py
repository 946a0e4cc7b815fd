"""Completion of commands, options and values, in the shells that are installed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.cli import NEWSGREP, TIMEOUT, Cli, clean_environment, write_article

pytest.importorskip("termios", reason="shells run on a POSIX terminal")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run newsgrep on three articles of two sources, a saved query and a collection; read-only."""
    cli = Cli(tmp_path_factory.mktemp("completion"))
    write_article(cli.folder / "n" / "a.md", "甲岛开渔", "渡轮照常。", more=["tags: [harbour]"])
    write_article(cli.folder / "n" / "b.md", "乙岛休渔", "渡轮停航。", source="Free Press")
    write_article(cli.folder / "n" / "c.md", "丙岛造船", "渡轮下水。", source="Free Press")
    cli("index", "n")
    cli("saved", "add", "ferries", "渡轮")
    cli("collect", "harbours", "开渔")
    return cli


def offered(cli: Cli, *words: str, of: str = "fish") -> list[str]:
    """Return the values that are offered for the last of ``words``."""
    env = {
        "_NEWSGREP_COMPLETE": f"{of}_complete",
        "COMP_WORDS": " ".join(["newsgrep", *words]),
        "COMP_CWORD": words[-1] if of == "fish" else str(len(words)),
    }
    lines = cli(env=env).lines
    return [line.partition(",")[2].partition("\t")[0] for line in lines if line]


def article_id(cli: Cli, title: str) -> str:
    (hit,) = cli.json("search", title)["hits"]
    return str(hit["id"])


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (["sea"], ["search"]),
        (["search", "--sor"], ["--sort"]),
        (["search", "--source", "雾"], ["雾港日报"]),
        (["search", "--source", "霧"], ["雾港日报"]),
        (["search", "--source", "press"], ["Free Press"]),
        (["compare", "x", "--sources", "雾港日报,F"], ["雾港日报,Free Press"]),
        (["search", "--facets", "source,mo"], ["source,month"]),
        (["search", "--tz", "europe/lond"], ["Europe/London"]),
        (["search", "sou"], ["source:"]),
        (["search", "source:雾"], ["source:雾港日报"]),
        (["search", "tag:ha"], ["tag:harbour"]),
        (["search", "saved:f"], ["saved:ferries"]),
        (["search", "in:har"], ["in:harbours"]),
        (["collect", "ha"], ["harbours"]),
        (["new", "fer"], ["ferries"]),
        (["saved", "remove", "f"], ["ferries"]),
        (["search", "nothing"], []),
    ],
    ids=" ".join,
)
def test_values_are_offered(archive: Cli, words: list[str], values: list[str]) -> None:
    assert offered(archive, *words) == values


def test_value_with_a_space_is_quoted_in_a_query(archive: Cli) -> None:
    assert offered(archive, "search", "source:fr") == ['source:"Free Press"']
    assert offered(archive, "search", "--source", "Fr", of="bash") == ["Free\\\\ Press"]


def test_id_is_offered_for_its_first_characters(archive: Cli) -> None:
    wanted = article_id(archive, "乙岛休渔")
    for command in ("show", "similar", "cite"):
        assert wanted in offered(archive, command, wanted[:3])


def test_nothing_is_offered_without_an_index(cli: Cli) -> None:
    assert offered(cli, "search", "--source", "x") == []
    assert offered(cli, "show", "ab") == []
    assert offered(cli, "search", "--index", "opensearch://127.0.0.1:9/n", "--source", "x") == []


def test_damaged_index_is_no_error_while_typing(cli: Cli) -> None:
    cli.index.mkdir()
    (cli.index / "newsgrep.json").write_text("{")
    assert offered(cli, "search", "--source", "x") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_command_prints_a_script(cli: Cli, shell: str) -> None:
    script = cli("completion", shell).out
    assert "_NEWSGREP_COMPLETE" in script
    assert cli("completion", env={"SHELL": f"/usr/bin/{shell}"}).out == script


def test_completion_for_another_shell_is_an_error(cli: Cli) -> None:
    assert "Choose from bash, zsh, fish." in cli("completion", "csh", status=2).err
    assert "Choose from bash, zsh, fish." in cli("completion", env={"SHELL": ""}, status=2).err


# In the shells themselves

_SHELLS = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        'PS1="ready> "; eval "$(newsgrep completion bash)"; bind "set bell-style none"\n',
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        """PROMPT='ready> '; autoload -U compinit; compinit -u -D
eval "$(newsgrep completion zsh)"\n""",
    ),
}


def typed(cli: Cli, shell: str, text: str, expected: str) -> str:
    """Type ``text`` at a prompt of ``shell``; return the screen when it shows ``expected``."""
    from tests.support.pseudo_terminal import Terminal

    command, setup = _SHELLS[shell]
    path = f"{Path(NEWSGREP).parent}{os.pathsep}{os.environ['PATH']}"
    env = clean_environment(cli.folder, {"PATH": path, "PYTHONWARNINGS": None, "TERM": "dumb"})
    with Terminal([str(shutil.which(command[0])), *command[1:]], cli.folder, env,
                  columns=200, timeout=TIMEOUT / 2) as terminal:  # fmt: skip
        terminal.read_for(0.3)
        terminal.type(setup)
        terminal.type("echo set-up-$((1 + 1))\n")
        terminal.wait_for("set-up-2")
        terminal.wait_for("ready> ", terminal.screen.index("set-up-2"))
        before = len(terminal.screen)
        terminal.type(text)
        terminal.wait_for(expected, before)
        return terminal.screen[before:]


@pytest.fixture(params=sorted(_SHELLS))
def shell(request: pytest.FixtureRequest) -> str:
    """Return the name of a shell that is installed."""
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return str(request.param)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("newsgrep sear\t", "newsgrep search "),
        ("newsgrep search --source 雾\t", "--source 雾港日报"),
        ("newsgrep search --source Fr\t", "--source Free\\ Press"),
        ("newsgrep index n/a\t", "newsgrep index n/a.md"),
        ("newsgrep show n/b\t", "newsgrep show n/b.md"),
        ("newsgrep search source:雾\t", "source:雾港日报"),
        ("newsgrep new fe\t", "newsgrep new ferries"),
    ],
)
def test_tab_completes_in_bash_and_zsh(archive: Cli, shell: str, text: str, expected: str) -> None:
    typed(archive, shell, text, expected)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_offers_values_and_files(archive: Cli) -> None:
    def completed(line: str) -> str:
        script = f"newsgrep completion fish | source; complete -C '{line}'"
        path = f"{Path(NEWSGREP).parent}{os.pathsep}{os.environ['PATH']}"
        return archive.bash(f'fish --no-config -c "{script}"', {"PATH": path}).out

    assert completed("newsgrep search --source 雾").startswith("雾港日报")
    assert completed("newsgrep index n/a").splitlines() == ["n/a.md"]
    assert completed("newsgrep show n/b").splitlines() == ["n/b.md"]
    assert completed("newsgrep search source:雾").startswith("source:雾港日报")
    assert completed("newsgrep sear").startswith("search\t")
