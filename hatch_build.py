"""Adds to a build what the repository does not contain: jieba's dictionary, links of the README."""

from __future__ import annotations

import re
import shutil
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

TARGET = "newsgrep/analysis/jieba-dict.txt"

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^]\[]*)\]\((?!https?:|mailto:|#)(?P<path>[^)\s]+)\)")


class Dictionary(BuildHookInterface[Any]):
    """Takes the dictionary from the jieba that is installed where newsgrep is built."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file, or for an editable installation put it into the working tree.

        Git ignores it there.
        """
        spec = PathFinder.find_spec("jieba")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(
                "To build newsgrep, install its dictionary: pip install jieba==0.42.1"
            )
        dictionary = Path(spec.origin).with_name("dict.txt")
        if version == "editable":
            shutil.copyfile(dictionary, Path(self.root, TARGET))
        else:
            build_data["force_include"][str(dictionary)] = TARGET


class Readme(MetadataHookInterface):
    """Makes the README the long description, with links that also work on a package index."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set ``readme``; its links stay relative if ``project.urls`` has no ``Source``."""
        text = Path(self.root, "README.md").read_text("utf-8")
        if source := metadata.get("urls", {}).get("Source"):
            text = absolute_links(text, source, str(metadata["version"]))
        metadata["readme"] = {"content-type": "text/markdown", "text": text}


def absolute_links(text: str, source: str, version: str) -> str:
    """Return Markdown with its relative links as addresses of the files of a release.

    ``source`` is a repository of GitHub or GitLab, or of another program with their addresses.

    >>> absolute_links("[a](docs/A.md) ![b](b.svg)", "https://example.org/n", "0.1.0")
    '[a](https://example.org/n/blob/v0.1.0/docs/A.md) ![b](https://example.org/n/raw/v0.1.0/b.svg)'
    """

    def absolute(link: re.Match[str]) -> str:
        kind = "raw" if link["image"] else "blob"
        address = f"{source.rstrip('/')}/{kind}/v{version}/{link['path']}"
        return f"{link['image']}[{link['text']}]({address})"

    return _LINK.sub(absolute, text)
