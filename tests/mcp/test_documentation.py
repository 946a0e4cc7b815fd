"""The session in docs/ASSISTANTS.md is what the tools return."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import newsgrep
from tests.support.cli import REPOSITORY, Cli

pytest.importorskip("mcp")
from newsgrep.mcp.tools import Tools

PAGE = (REPOSITORY / "docs" / "ASSISTANTS.md").read_text("utf-8")
CALLS = re.findall(r"^→ (\w+) (.+)\n← (.+)$", PAGE, re.MULTILINE)


def matches(shown: Any, found: Any) -> bool:
    """Return whether ``found`` has all that is ``shown``, in which … stands for any text."""
    match shown:
        case dict():
            return all(matches(value, found[name]) for name, value in shown.items())
        case list():
            return len(shown) == len(found) and all(map(matches, shown, found))
        case "…":
            return bool(found)
        case _:
            return bool(shown == found)


def test_session_is_what_the_tools_return(seeds: Cli) -> None:
    assert len(CALLS) == 5
    with newsgrep.open(seeds.folder / "index") as archive:
        tools = {tool.__name__: tool for tool in Tools(archive).all()}
        for name, arguments, shown in CALLS:
            found = tools[name](**json.loads(arguments))
            assert matches(json.loads(shown), found), json.dumps(found, ensure_ascii=False)


def test_documentation_lists_all_tools(seeds: Cli) -> None:
    with newsgrep.open(seeds.folder / "index") as archive:
        names = [tool.__name__ for tool in Tools(archive).all()]
    assert re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE) == names
