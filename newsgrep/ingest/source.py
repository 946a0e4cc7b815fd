"""Whose article it is: the address, the outlet, and the people who wrote it.

Feeds often write the outlet where an author belongs; an outlet is never a person here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from newsgrep.ingest import authors
from newsgrep.ingest.body import Body
from newsgrep.ingest.layout import collapse, comparable
from newsgrep.ingest.raw import RawArticle
from newsgrep.ingest.sites import Site, Sites
from newsgrep.text.characters import tidy

_LONGEST_URL: Final = 4000
_OUTLET = re.compile(
    r".*(?:报|報|网|網|新闻|新聞|社|电视台|電視台|电台|電台|之音|周刊|週刊|月刊|杂志|雜誌|书评|書評|评论|評論|媒体|媒體|传媒|傳媒"
    r"|日报|中文|\b(?:News|Times|Post|Daily|Weekly|Herald|Review|Journal|Magazine|Radio|Press|Media|Tribune|Observer))$",
    re.IGNORECASE,
)


def url_of(raw: RawArticle) -> str | None:
    """Return the address of the article, as it stands in the file."""
    for claim in raw.claims.urls:
        url = tidy(claim.value.strip())
        if len(url) <= _LONGEST_URL and re.match(r"https?://[^\s/]+", url, re.IGNORECASE):
            return url
    return None


def host_of(url: str | None) -> str | None:
    """Return the host of ``url`` without ``www.``, or None."""
    try:
        host = urlsplit(url or "").hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None


def source_of(
    raw: RawArticle, url: str | None, site: Site | None, sites: Sites, titles: Iterable[str] = ()
) -> tuple[str | None, str]:
    """Return the outlet's name and where it was found, or None."""
    if site:
        return site.name, "site rule"
    for claim in raw.claims.sources:
        if claim.where == "front matter" and "://" not in claim.value:
            known = sites.named(claim.value)
            return (known.name if known else claim.value), claim.where
    outlet = _outlet_in_front_matter(raw, url, sites)
    if outlet:
        return outlet, "front matter"
    for claim in raw.claims.sources:
        name = collapse(tidy(claim.value))
        if name and "://" not in name and len(name) <= 80:  # longer is no name
            known = sites.named(name)
            return (known.name if known else name), claim.where
    outlet = outlet_in(titles)
    if outlet:
        return outlet, "title"
    host = host_of(url)
    return (host, "URL") if host else (None, "")


def _outlet_in_front_matter(raw: RawArticle, url: str | None, sites: Sites) -> str | None:
    """Return the name that a feed wrote as author or only tag, if it is an outlet's."""
    written = [c.value for c in raw.claims.authors if c.where == "front matter"]
    tags = raw.claims.tags
    host = comparable((host_of(url) or "").replace(".com", "").replace(".org", ""))
    for name in (*written[:1], *tags[:1]):
        known = sites.named(name)
        if known:
            return known.name
        plain = comparable(name)
        if not plain:
            continue
        if name in written and name in tags:
            return name
        if (
            len(plain) > 2 and plain.isascii() and plain in comparable(host_of(url) or "") and host
        ):  # initials fit anywhere
            return name
        if len(tags) == 1 and name in tags and _OUTLET.fullmatch(name):
            return name
    return None


def authors_of(
    raw: RawArticle, body: Body, source: str | None, site: Site | None, sites: Sites
) -> tuple[tuple[str, ...], str]:
    """Return the people who wrote the article, and where their names stand."""
    outlets = {source or ""} | {claim.value for claim in raw.claims.sources}
    roles: tuple[str, ...] = ()
    if site:
        outlets |= {site.name, *site.aliases}
        roles = site.roles
    claims = [(c.value, c.where) for c in raw.claims.authors if c.where != "front matter"]
    claims[:0] = [c for c in claims if c[1] == "site rule"]
    own = [c for c in claims if c[1] in ("site rule", "address element", "byline")]
    lines = [(line, "byline") for line in body.bylines]
    front = [(c.value, c.where) for c in raw.claims.authors if c.where == "front matter"]
    rest = [c for c in claims if c not in own]
    for group in (own, lines, front, rest):
        where = ""
        names: dict[str, None] = {}
        for value, place in group:
            if where and place != where:
                break
            people = [
                name
                for name in authors.names_in(value, outlets, roles)
                if sites.named(name) is None
            ]
            if people:
                where = place
                names.update(dict.fromkeys(people))
        if names:
            return tuple(names), where
    return (), ""


_SUFFIXED = re.compile(r"(.{2,400})(?<=\S)\s*(?:[|｜_]|\s[-–—·]\s)\s*([^|｜]{1,40})")


def outlet_in(titles: Iterable[str]) -> str | None:
    """Return the outlet's name that stands behind one of ``titles``, if it sounds like one."""
    for title in titles:
        match = _SUFFIXED.fullmatch(title)
        if match and len(match[2]) <= 20 and _OUTLET.fullmatch(match[2]):
            return match[2]
    return None


def without_suffix(title: str, site: Site | None, names: set[str]) -> str:
    """Return ``title`` without the outlet's name that pages put behind it."""
    for suffix in site.title_suffixes if site else ():
        if title.endswith(suffix) and len(title) > len(suffix):
            return title[: -len(suffix)].rstrip()
    match = _SUFFIXED.fullmatch(title)
    plain = {comparable(name) for name in names if name}
    if match and comparable(match[2]) in plain and comparable(match[1]):
        return match[1]
    return title
