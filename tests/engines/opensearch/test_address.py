"""The address of an index on a server: what it says, and what it must never hold or repeat."""

from __future__ import annotations

import traceback

import pytest

from newsgrep.engines.opensearch.client import ServerAddress, parse_address
from newsgrep.errors import UsageError


def test_an_address_says_where_the_index_is_and_how_it_is_kept() -> None:
    assert parse_address("opensearch://search.example/news") == ServerAddress(
        "search.example", 9200, True, "news", shards=1, replicas=1, load_replicas=1
    )
    assert parse_address(
        "opensearch://Search.Example:9443/news-2024_a?shards=3&replicas=2&load_replicas=0"
    ) == ServerAddress("search.example", 9443, True, "news-2024_a", 3, 2, 0)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.8.7", "[::1]"])
def test_only_to_this_machine_itself_nothing_is_encrypted_unasked(host: str) -> None:
    assert not parse_address(f"opensearch://{host}/news").tls
    assert parse_address(f"opensearch+https://{host}/news").tls
    assert not parse_address("opensearch+http://search.example/news").tls
    for other in ("localhost.example", "128.0.0.1", "[2001:db8::1]", "10.0.0.1", "os_node-1"):
        assert parse_address(f"opensearch://{other}/news").tls


def test_as_many_replicas_while_loading_as_afterwards_unless_it_is_said() -> None:
    assert parse_address("opensearch://h/n?replicas=0").load_replicas == 0
    assert parse_address("opensearch://h/n?replicas=2").load_replicas == 2


def test_all_addresses_of_one_index_have_one_canonical_form() -> None:
    spellings = (
        "opensearch://HOST/news",
        "opensearch+http://host:9200/news/",
        "OpenSearch+HTTPS://host/news?shards=3",
    )
    assert {parse_address(url).canonical for url in spellings} == {"host:9200/news"}
    assert parse_address("opensearch://[::1]:9201/n").canonical == "[::1]:9201/n"


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://host/news", "opensearch://"),
        ("opensearch:host/news", "no host"),
        ("opensearch:///news", "no host"),
        ("opensearch://host:99999/news", "port"),
        ("opensearch://host:0/news", "port"),
        ("opensearch://host:x/news", "port"),
        ("opensearch://[::1/news", "port"),
        ("opensearch://-host/news", "no host"),
        ("opensearch://雾港/news", "ASCII"),
        ("opensearch://host/ne ws", "space"),
        ("opensearch://host/news\n", "space"),
        ("opensearch://host", "lacks the name"),
        ("opensearch://host/", "lacks the name"),
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
def test_what_is_no_address_is_refused_with_the_form_of_one(url: str, what: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(url)
    assert what in str(caught.value)
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
def test_a_secret_in_an_address_is_refused_and_never_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(url)
    assert "NEWSGREP_OPENSEARCH_USER" in str(caught.value)
    assert "NEWSGREP_OPENSEARCH_PASSWORD" in str(caught.value)
    assert "geheim" not in str(caught.value)
    assert "geheim" not in repr(caught.value.__cause__)


def test_what_looks_like_a_half_typed_secret_is_not_repeated_either() -> None:
    for url in ("opensearch://user:geheim/news", "opensearch://user:geheim%40host/news"):
        with pytest.raises(UsageError) as caught:
            parse_address(url)
        assert "geheim" not in "".join(traceback.format_exception_only(caught.value))
        told = "".join(traceback.format_exception(caught.value))
        assert "geheim" not in told.replace(repr(url), "")
