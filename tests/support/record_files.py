"""Files of many records with any articles, in each format to which records come and go."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple


class Item(NamedTuple):
    """An article in a file of records, without an address if ``url`` is empty."""

    title: str
    body: str
    url: str = ""


def jsonl_of(items: Sequence[Item]) -> bytes:
    """Return JSON Lines; an item without a title and a body is a line that is not an article."""
    return b"".join(
        json.dumps({"title": each.title, "text": each.body, "url": each.url}).encode() + b"\n"
        if each.body
        else b"{}\n"
        for each in items
    )


def csv_of(items: Sequence[Item]) -> bytes:
    """Return rows of CSV below a header."""
    rows = [("title", "text", "url"), *items]
    return "".join(",".join(f'"{value}"' for value in row) + "\n" for row in rows).encode()


def mbox_of(items: Sequence[Item]) -> bytes:
    """Return a mailbox; an address identifies a message."""
    messages = []
    for title, body, url in items:
        identity = f"Message-ID: <{url}>\n" if url else ""
        messages.append(
            "From reader@a.example Mon May 20 08:00:00 2024\nFrom: <news@a.example>\n"
            f"MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n{identity}"
            f"Subject: {title}\nDate: Mon, 20 May 2024 08:00:00 +0800\n\n{body}\n\n"
        )
    return "".join(messages).encode()


def page_of(item: Item) -> bytes:
    """Return a page of HTML."""
    canonical = f'<link rel="canonical" href="{item.url}">' if item.url else ""
    return (
        f'<html><head><meta charset="utf-8"><title>{item.title}</title>{canonical}</head>'
        f"<body><h1>{item.title}</h1><p>{item.body}</p></body></html>"
    ).encode()


def warc_of(items: Sequence[Item]) -> bytes:
    """Return a web archive of gzip members; its pages need an address."""
    return b"".join(gzip.compress(warc_record(each), mtime=0) for each in items)


def warc_record(item: Item, kind: str = "text/html") -> bytes:
    """Return the record of one response."""
    body = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}; charset=utf-8\r\n\r\n".encode()
    body += page_of(item)
    head = (
        f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {item.url}\r\n"
        "WARC-Date: 2024-05-20T08:00:00Z\r\nContent-Type: application/http; msgtype=response\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def zip_of_pages(items: Sequence[Item]) -> bytes:
    """Return a ZIP archive of pages, whose members are numbered."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number, each in enumerate(items):
            archive.writestr(zipfile.ZipInfo(f"{number}.html"), page_of(each))
    return out.getvalue()


FORMATS: Final[Mapping[str, Callable[[Sequence[Item]], bytes]]] = {
    "jsonl": jsonl_of,
    "csv": csv_of,
    "mbox": mbox_of,
    "warc.gz": warc_of,
    "zip": zip_of_pages,
}
"""Functions that write a file, by the ending of its name."""
