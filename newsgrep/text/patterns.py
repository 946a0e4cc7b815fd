"""The classes of :mod:`newsgrep.text.characters` as patterns, for reading whole texts."""

from __future__ import annotations

import re
from typing import Final

from newsgrep.text.characters import SOLO

WORD_RUN: Final = re.compile(rf"[^\W_{SOLO}]+")
"""A maximal run of letters, digits and marks of scripts that put spaces between words."""

HAN_RUN: Final = re.compile("[\u4e00-\u9fd5]+")
"""A run of what jieba takes for Han; it never makes a word across or outside of these."""

SOLO_CHARACTER: Final = re.compile(rf"[{SOLO}]")
OTHER_SOLO_CHARACTER: Final = re.compile(rf"(?![\u4e00-\u9fd5])[{SOLO}]")
"""One that is in no :data:`HAN_RUN`."""
