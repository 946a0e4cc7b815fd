"""Mail: a message in a file (.eml, .emlx); newsgrep.extraction.records.mailbox reads several.

Newsletters are the articles: their HTML, the sender as source, the subject as title. In a list to
which its readers write, the list is the source and the sender the author.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from newsgrep import messages as texts
from newsgrep.errors import NoArticle
from newsgrep.extraction.formats import DOCUMENT_FORMAT
from newsgrep.extraction.records.base import (
    MAX_RECORD_BYTES,
    ReadOptions,
    Record,
    RecordFormat,
    Records,
    Source,
)

if TYPE_CHECKING:
    from email.message import Message

MAIL_HEADERS: Final = frozenset(("from", "date", "subject", "to"))
TRANSPORT_HEADERS: Final = frozenset(
    ("mime-version", "message-id", "received", "return-path", "delivered-to")
)
_MAX_HEAD: Final = 32_768
_LENGTH = re.compile(rb"[0-9]{1,10}[ \t]*\r?\n")
"""The first line of a message that Apple's Mail has stored."""


def recognises(head: bytes) -> bool:
    """Return whether a file begins with the headers of a mail.

    A text with a few labels is one only if its name says so: it needs no decoding.
    """
    if length := _LENGTH.match(head):
        head = head[length.end() :]
    begins = head[:_MAX_HEAD]
    if not begins[:1].isalpha() or b":" not in begins[:80]:
        return False
    from newsgrep.extraction.records.messages import header_names

    names = header_names(begins)
    return len(names & MAIL_HEADERS) > 1 and "mime-version" in names


def read(source: Source, options: ReadOptions) -> Records:  # noqa: ARG001  (no fields)
    """Yield the message in a file."""
    # Loads the package for mail, which other files do not need.
    from newsgrep.extraction.records.messages import header_names

    with source.open_stream() as stream:
        data = stream.read(MAX_RECORD_BYTES + 1)
    if len(data) > MAX_RECORD_BYTES:
        raise NoArticle("a message of more than 64M")
    if length := _LENGTH.match(data):
        data = data[length.end() : length.end() + int(length[0])]
    if not header_names(data.lstrip()[:_MAX_HEAD]):
        raise NoArticle(
            "not a mail message: it does not begin with headers"
            if data.strip()
            else "the file is empty"
        )
    yield mail_record("", data, source.name)


def mail_record(locator: str, data: bytes, name: str) -> Record:
    """Return the record of one message; raises :class:`~newsgrep.errors.NoArticle`."""
    from newsgrep.extraction.records.messages import (
        header,
        header_time,
        header_url,
        parse_message,
    )

    message = parse_message(data)
    kind, text, notes = _text(message)
    moment = header_time(message)
    source, author = _source_and_author(message)
    fields = {
        "title": header(message, "subject"),
        "url": header_url(message, *_URL_HEADERS),
        "published": moment.isoformat() if moment else header(message, "date"),
        "source": source,
        "author": author,
        "identity": header(message, "message-id"),
        kind: text,
    }
    stated = {key: value for key, value in fields.items() if value}
    packed = json.dumps(stated, ensure_ascii=False).encode("utf-8", "replace")
    return Record(locator, packed, DOCUMENT_FORMAT, name, notes=notes)


_URL_HEADERS: Final = (
    "x-rss-url", "content-base", "archived-at", "list-post", "content-location"
)  # fmt: skip
"""Where programs that send feeds and newsletters as mail state the address of the article."""


def _text(message: Message) -> tuple[str, str, tuple[str, ...]]:
    """Return ``html`` or ``text``, what a message shows in it, and notes about it.

    Raises :class:`~newsgrep.errors.NoArticle` if it has none.
    """
    from newsgrep.extraction.decode import decode
    from newsgrep.extraction.records.messages import (
        file_name,
        is_attachment,
        part_bytes,
        part_charset,
        part_type,
        parts,
    )

    shown: dict[str, list[str]] = {"text/html": [], "text/plain": []}
    notes: list[str] = []
    attached: list[str] = []
    for part in parts(message):
        kind = part_type(part)
        if kind in shown and not is_attachment(part):
            data = part_bytes(part)
            if data.strip():
                try:
                    decoded = decode(data, part_charset(part))
                except NoArticle as exc:
                    notes.append(
                        texts.message("a part of the message was not read: {reason}", reason=exc)
                    )
                else:
                    shown[kind].append(decoded.text)
                    notes += decoded.notes
        elif not kind.startswith("image/") or is_attachment(part):
            attached.append(file_name(part) or kind)
    if attached:
        listed = ", ".join(attached[:_MAX_LISTED]) + (", …" if len(attached) > _MAX_LISTED else "")
        notes.append(texts.message("attachments are not read: {listed}", listed=listed))
    unique = tuple(dict.fromkeys(notes))
    if shown["text/html"]:
        return "html", max(shown["text/html"], key=len), unique
    if not shown["text/plain"]:
        why = (
            texts.message("{count} attachments and no text", count=len(attached))
            if attached
            else texts.message("no text")
        )
        raise NoArticle("a message with {why}", why=why)
    return "text", "\n\n".join(shown["text/plain"]), unique


_MAX_LISTED: Final = 5


_GENERIC = re.compile(
    r"(?:do[-_. ]?not|no)[-_. ]?reply|newsletters?|news|info|mail(?:er)?|admin|webmaster|support|"
    r"service|notifications?|subscriptions?|系统邮件|系统通知|订阅|订阅服务|新闻邮件|邮件订阅",
    re.IGNORECASE,
)
"""Names of senders that say nothing about who they are."""
_VIA = re.compile(r"\s+(?:via|通过|通過|经由)\s+")
"""Between the name of a sender and of a list that sends the message for them."""
_LIST = re.compile(r"(.*?)\s*<([^<>\s]{1,200})>\s*")
_HAS_CODE = re.compile(r"(?=[a-z]{0,7}[0-9])[0-9a-z]{8}|https?:|@", re.IGNORECASE)
_MAX_NAME: Final = 80


def _source_and_author(message: Message) -> tuple[str, str]:
    """Return who publishes a message, and who wrote it if that is stated; or empty strings."""
    from newsgrep.extraction.records.messages import header

    sender, via = _split_via(_name_of(message, "from"))
    posts = header(message, "list-post")
    if "mailto:" not in posts.lower():  # a newsletter, or a message to one reader
        return via or sender or _name_of(message, "reply-to") or _host_of(message), ""
    found = _LIST.fullmatch(header(message, "list-id"))
    name, address = (found[1].strip(" \"'"), found[2]) if found else ("", "")
    if not name or len(name) > _MAX_NAME or _HAS_CODE.search(name):
        name = via or address
    return (name, sender) if name else (sender or _host_of(message), "")


def _split_via(name: str) -> tuple[str, str]:
    """Return the name of a sender, and of who sends the message for them."""
    sender, *via = _VIA.split(name, maxsplit=1)
    return sender, "".join(via)


def _name_of(message: Message, field: str) -> str:
    """Return the name before the address in a header, empty if it says nothing."""
    name, _ = _parse_address(message, field)
    return "" if "@" in name or _GENERIC.fullmatch(name) else name


def _host_of(message: Message) -> str:
    """Return the host of the sender's address."""
    _, address = _parse_address(message, "from")
    return address.rpartition("@")[2]


def _parse_address(message: Message, field: str) -> tuple[str, str]:
    import email.utils

    from newsgrep.extraction.records.messages import header

    try:
        name, address = email.utils.parseaddr(header(message, field))
    except (ValueError, IndexError, TypeError):
        return "", ""
    return name.strip(" \"'"), address


FORMAT = RecordFormat("eml", read, recognises)
