"""The names of indices and aliases on a server.

The parts of a name are separated by dots, which an index name can't contain, so no two indices
of newsgrep conflict.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from newsgrep.engines.opensearch.documents import (
    UNDATED_YEAR,
)


@dataclass(frozen=True, slots=True)
class IndexNames:
    """The names of the indices and aliases of one generation."""

    name: str
    generation: int

    @property
    def articles(self) -> str:
        """The alias of all indices with articles."""
        return f"{self.name}.g{self.generation}"

    @property
    def file_records(self) -> str:
        """The index of file records without an article."""
        return f"{self.articles}.notes"

    @property
    def all_indices(self) -> str:
        """All indices, as they are named in a request."""
        return f"{self.articles},{self.file_records}"

    def of_year(self, year: str) -> str:
        """Return the index for the articles of a year, or for undated ones."""
        return f"{self.articles}.{year}"


def write_alias(index: str) -> str:
    """Return the alias for writing to an index.

    A server creates a missing index with its own settings when something is written to it,
    but not if the request requires an alias.
    """
    return f"{index}.w"


def parse_generation(index: str, name: str) -> int | None:
    """Return the generation of an index with articles; ``None`` if it is not newsgrep's."""
    found = re.fullmatch(rf"{re.escape(name)}\.g([0-9]{{1,9}})\.({UNDATED_YEAR}|[0-9]{{4}})", index)
    return int(found[1]) if found else None
