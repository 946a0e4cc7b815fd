"""Adds jieba's dictionary to the wheel: this repository does not contain it."""

from __future__ import annotations

import shutil
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGET = "newsgrep/analysis/jieba-dict.txt"


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
