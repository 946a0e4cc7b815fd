"""The extraction version: what decides which article is taken from a file's bytes.

An index stores it for each file, so that articles extracted by older rules can be counted and
extracted again.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import Final

from newsgrep.extraction.outlets import Outlets

EXTRACTION_VERSION: Final = 3
"""Increased with every change of the package that changes what is taken from any file."""

_DIGEST_SIZE: Final = 4


@lru_cache(maxsize=4)
def extraction_version(outlets: Outlets) -> str:
    """Return the version of this code, of the libraries that parse, and of the outlet rules.

    The form is :data:`EXTRACTION_VERSION`, a hyphen and a digest, such as ``7-5f0c2a91``.
    """
    parts = (*_library_versions(), repr(outlets.all))
    digest = blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=_DIGEST_SIZE)
    return f"{EXTRACTION_VERSION}-{digest.hexdigest()}"


def _library_versions() -> tuple[str, ...]:
    from importlib.metadata import version

    from lxml import etree

    libxml = ".".join(map(str, etree.LIBXML_VERSION))
    return (libxml, *map(version, ("lxml", "markdown-it-py", "soupsieve")))
