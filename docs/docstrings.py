"""Docstrings as Markdown: roles of Sphinx become code, and examples become blocks.

mkdocs-material loads this extension of griffe, see ``mkdocs.yml``.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_ROLE = re.compile(r":(?:class|func|meth|data|mod|attr):`~?([^`]+)`")
_EXAMPLE = re.compile(r"^( *)>>> .*(?:\n\1(?=\S).*)*", re.MULTILINE)
_INDENTED = re.compile(r"::\n\n((?: +.*\n?|\n)+)")


def to_markdown(text: str) -> str:
    """Return a docstring, whose lines are not indented, as Markdown."""
    text = _ROLE.sub(lambda role: f"`{role[1].removeprefix('newsgrep.')}`", text)
    text = text.replace("``", "`")
    text = _INDENTED.sub(lambda block: f":\n\n```python\n{_dedent(block[1])}\n```\n", text)
    return _EXAMPLE.sub(lambda example: f"```pycon\n{example[0]}\n```", text)


def _dedent(block: str) -> str:
    return re.sub(r"^ {4}", "", block.rstrip(), flags=re.MULTILINE)


class MarkdownDocstrings(griffe.Extension):
    """Converts every docstring that the documentation shows."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Convert the docstring of ``obj``, once."""
        if obj.docstring and not obj.extra["newsgrep"].get("markdown"):
            obj.extra["newsgrep"]["markdown"] = True
            obj.docstring.value = to_markdown(obj.docstring.value)
