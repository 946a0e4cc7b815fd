"""An article as text: parts that people read in another form than programs."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest

from newsgrep.views.article import readable_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://news.example/%E6%B8%A1%E8%BD%AE", "https://news.example/渡轮"),
        ("https://news.example/a%20b%2Fc?q=%26", "https://news.example/a%20b%2Fc?q=%26"),
        ("https://news.example/%41%2e", "https://news.example/%41%2E"),
        ("https://news.example/%E6%B8x", "https://news.example/%E6%B8x"),
        ("https://news.example/%E2%80%AE%1b", "https://news.example/%E2%80%AE%1B"),
        ("https://news.example/%E3%80%80", "https://news.example/%E3%80%80"),
        ("https://news.example/100%", "https://news.example/100%"),
    ],
)
def test_readable_url_decodes_other_scripts_only(url: str, shown: str) -> None:
    assert readable_url(url) == shown
    assert unquote_to_bytes(shown) == unquote_to_bytes(url)
