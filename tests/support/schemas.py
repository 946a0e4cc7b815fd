"""The JSON schemas of ``docs/``, and what is wrong with a value by one of them."""

from __future__ import annotations

import json
from typing import Any, Final

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from tests.support.cli import REPOSITORY

SCHEMA_NAMES: Final = tuple(
    sorted(path.name.partition(".")[0] for path in (REPOSITORY / "docs").glob("*.schema.json"))
)


def load_schema(name: str) -> dict[str, Any]:
    """Return ``docs/NAME.schema.json``."""
    schema: dict[str, Any] = json.loads(
        (REPOSITORY / "docs" / f"{name}.schema.json").read_text("utf-8")
    )
    return schema


SEARCH_SCHEMA = load_schema("search")

_REGISTRY: Final[Registry[Any]] = Registry().with_resources(
    (schema["$id"], Resource.from_contents(schema)) for schema in map(load_schema, SCHEMA_NAMES)
)


def validator(name: str) -> Draft202012Validator:
    """Return a validator for ``docs/NAME.schema.json``, which may refer to the others."""
    return Draft202012Validator(load_schema(name), registry=_REGISTRY)


def schema_errors(value: Any, schema: dict[str, Any] = SEARCH_SCHEMA) -> list[str]:
    """Return a message for each part of ``value`` that the schema does not allow."""
    found = Draft202012Validator(schema, registry=_REGISTRY).iter_errors(value)
    return [f"{error.json_path}: {error.message}" for error in found]
