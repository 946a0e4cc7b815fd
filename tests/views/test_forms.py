"""All views have one shape: the same names and parameters for the forms of a value."""

from __future__ import annotations

import inspect
import pkgutil
from importlib import import_module
from types import ModuleType

import pytest

import newsgrep.views
from newsgrep.terminal import count_noun

FORMS = {
    "to_text": (None, "_|_screen|screen"),
    "to_json": (None,),
    "to_jsonl": (None,),
    "to_csv": (None,),
    "to_svg": (None,),
    "to_atom": (None,),
}
"""The form functions with their positional parameters; the first one is the value."""

NOT_VIEWS = {"table"}
"""The module about the rows of all views."""

MODULES = [
    import_module(f"newsgrep.views.{each.name}")
    for each in pkgutil.iter_modules(newsgrep.views.__path__)
    if each.name not in NOT_VIEWS
]
ARTICLE = "newsgrep.views.article"
"""Its text needs the spans to highlight instead of the screen."""


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_views_declare_their_forms_in_the_same_way(module: ModuleType) -> None:
    forms = [name for name in FORMS if hasattr(module, name)]
    assert forms
    for name in forms:
        if (module.__name__, name) == (ARTICLE, "to_text"):
            continue
        parameters = inspect.signature(getattr(module, name)).parameters.values()
        positional = [each for each in parameters if each.kind is not each.KEYWORD_ONLY]
        for parameter, expected in zip(positional, FORMS[name], strict=True):
            assert expected is None or parameter.name in expected.split("|")


def test_count_noun_uses_the_plural_unless_one() -> None:
    assert [count_noun(n, "article") for n in (0, 1, 2)] == [
        "0 articles",
        "1 article",
        "2 articles",
    ]
    assert count_noun(1234, "story", "stories") == "1,234 stories"
