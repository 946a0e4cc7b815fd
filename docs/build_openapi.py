"""Write the OpenAPI description of ``newsgrep serve`` into the package, with the JSON schemas.

``make man`` runs this; a test fails if the description is not that of the code and the schemas.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from newsgrep.web.endpoints import DATA, openapi

_DOCS: Final = Path(__file__).parent
DESCRIPTION: Final = _DOCS.parent / "newsgrep" / "web" / "static" / "openapi.json"


def build() -> str:
    """Return the description as JSON."""
    schemas: dict[str, Any] = {}
    wanted = sorted({each.schema for each in DATA.values() if each.schema})
    while wanted:
        name = wanted.pop(0)
        text = (_DOCS / f"{name}.schema.json").read_text("utf-8")
        schemas[name] = json.loads(text)
        wanted += [
            path.name.removesuffix(".schema.json")
            for path in sorted(_DOCS.glob("*.schema.json"))
            if f'"{path.name}' in text and path.name.removesuffix(".schema.json") not in schemas
        ]
    return json.dumps(openapi(dict(sorted(schemas.items()))), ensure_ascii=False, indent=1) + "\n"


if __name__ == "__main__":
    DESCRIPTION.write_text(build(), "utf-8")
