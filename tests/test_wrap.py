"""Lines break on a terminal where rich would break them."""

from __future__ import annotations

from io import StringIO

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from newsgrep.output.wrap import wrapped


@settings(max_examples=500, deadline=None)
@given(
    st.text(st.sampled_from("中国联合声明，。“”ab cd  e1-é…·　 "), max_size=80), st.integers(10, 40)
)
def test_rows_are_those_of_rich(text: str, width: int) -> None:
    rows = Text(text).wrap(Console(file=StringIO()), width, overflow="fold")
    expected = [row.plain.rstrip() for row in rows]
    assert [text[start:end].rstrip() for start, end in wrapped(text, width)] == expected
