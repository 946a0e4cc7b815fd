"""Provenance in articles and in the JSON schema."""

from __future__ import annotations

import json
from pathlib import Path

from newsgrep.models import Provenance

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "search.schema.json"


def test_schema_lists_every_provenance() -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert schema["$defs"]["provenance"]["enum"] == [str(each) for each in Provenance]
