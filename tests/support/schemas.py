"""The JSON schemas of ``docs/``, and what is wrong with a value by one of them."""

from __future__ import annotations

import json
from typing import Any

from jsonschema import Draft202012Validator

from tests.support.cli import REPOSITORY


def load_schema(name: str) -> dict[str, Any]:
    """Return ``docs/NAME.schema.json``."""
    schema: dict[str, Any] = json.loads(
        (REPOSITORY / "docs" / f"{name}.schema.json").read_text("utf-8")
    )
    return schema


SEARCH_SCHEMA = load_schema("search")


def schema_errors(value: Any, schema: dict[str, Any] = SEARCH_SCHEMA) -> list[str]:
    """Return a message for each part of ``value`` that the schema does not allow."""
    return [error.message for error in Draft202012Validator(schema).iter_errors(value)]
