"""The address of an index on a server: parsing it, and never repeating a secret."""

from __future__ import annotations

import traceback

import pytest

from newsgrep.engines.opensearch.address import OpenSearchAddress, parse_address
from newsgrep.errors import UsageError


def test_parse_address_reads_every_part() -> None:
    assert parse_address("opensearch://search.example/news") == OpenSearchAddress(
        "search.example", 9200, True, "news", shards=1, replicas=1, load_replicas=1
    )
    assert parse_address(
        "opensearch://Search.Example:9443/news-2024_a?shards=3&replicas=2&load_replicas=0"
    ) == OpenSearchAddress("search.example", 9443, True, "news-2024_a", 3, 2, 0)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.8.7", "[::1]"])
def test_parse_address_uses_tls_except_for_loopback(host: str) -> None:
    assert not parse_address(f"opensearch://{host}/news").tls
    assert parse_address(f"opensearch+https://{host}/news").tls
    assert not parse_address("opensearch+http://search.example/news").tls
    for other in ("localhost.example", "128.0.0.1", "[2001:db8::1]", "10.0.0.1", "os_node-1"):
        assert parse_address(f"opensearch://{other}/news").tls


def test_load_replicas_default_to_replicas() -> None:
    assert parse_address("opensearch://h/n?replicas=0").load_replicas == 0
    assert parse_address("opensearch://h/n?replicas=2").load_replicas == 2


def test_canonical_form_is_the_same_for_one_index() -> None:
    spellings = (
        "opensearch://HOST/news",
        "opensearch+http://host:9200/news/",
        "OpenSearch+HTTPS://host/news?shards=3",
    )
    assert {parse_address(url).canonical for url in spellings} == {"host:9200/news"}
    assert parse_address("opensearch://[::1]:9201/n").canonical == "[::1]:9201/n"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://host/news", "opensearch://"),
        ("opensearch:host/news", "host is missing"),
        ("opensearch:///news", "host is missing"),
        ("opensearch://host:99999/news", "port"),
        ("opensearch://host:0/news", "port"),
        ("opensearch://host:x/news", "port"),
        ("opensearch://[::1/news", "port"),
        ("opensearch://-host/news", "or invalid"),
        ("opensearch://雾港/news", "ASCII"),
        ("opensearch://host/ne ws", "space"),
        ("opensearch://host/news\n", "space"),
        ("opensearch://host", "name is missing"),
        ("opensearch://host/", "name is missing"),
        ("opensearch://host/News", "lower case"),
        ("opensearch://host/_all", "lower case"),
        ("opensearch://host/*", "lower case"),
        ("opensearch://host/a,b", "lower case"),
        ("opensearch://host/a/b", "lower case"),
        ("opensearch://host/" + "n" * 101, "lower case"),
        ("opensearch://host/news#top", "#"),
        ("opensearch://host/news?shard=2", "load_replicas"),
        ("opensearch://host/news?shards=0", "from 1"),
        ("opensearch://host/news?shards=many", "from 1"),
        ("opensearch://host/news?replicas=-1", "from 0"),
        ("opensearch://host/news?replicas=" + "9" * 5000, "from 0"),
        ("opensearch://host/news?replicas=1&replicas=2", "twice"),
    ],
)
def test_parse_address_rejects_invalid_addresses(url: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(url)
    assert problem in str(caught.value)
    assert "opensearch://HOST[:PORT]/NAME" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "opensearch://user:geheim@host/news",
        "opensearch://geheim@host/news",
        "opensearch://user:ge/geheim@host/news",
        "opensearch+https://user:geheim@host:1/news?shards=1",
    ],
)
def test_parse_address_rejects_secrets_without_repeating_them(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(url)
    assert "NEWSGREP_OPENSEARCH_USER" in str(caught.value)
    assert "NEWSGREP_OPENSEARCH_PASSWORD" in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "geheim" not in repr(caught.value.__cause__)


def test_parse_address_does_not_repeat_an_incomplete_secret() -> None:
    for url in ("opensearch://user:geheim/news", "opensearch://user:geheim%40host/news"):
        with pytest.raises(UsageError) as caught:
            parse_address(url)
        assert "geheim" not in "".join(traceback.format_exception_only(caught.value))
        printed = "".join(traceback.format_exception(caught.value))
        assert "geheim" not in printed.replace(repr(url), "")
