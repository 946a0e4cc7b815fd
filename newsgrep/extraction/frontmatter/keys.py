"""What front matter states about an article: its keys, the field of each, and the rank.

Titles, sources and addresses of front matter are better evidence than those of the page; authors
and dates are worse, because what the article itself states is better for them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from operator import itemgetter
from typing import Final

from newsgrep.extraction.claims import Claim, ClaimField, Claims
from newsgrep.extraction.dates.ranks import front_matter_ranks
from newsgrep.extraction.frontmatter.split import FrontMatter, squashed
from newsgrep.extraction.sources import looks_like_topic, sounds_like_outlet
from newsgrep.models import Provenance

_GIVEN_RANK: Final = -10
_SAVED_RANK: Final = 8
_URL_KEYS: Final = (
    "from",
    "url",
    "link",
    "source_url",
    "original_url",
    "original",
    "canonical_url",
    "page_url",
    "permalink",
)
_TITLE_KEYS: Final = ("title", "headline", "page_title", "full_title")
_AUTHOR_KEYS: Final = ("author", "authors", "byline", "creator")
_SOURCE_KEYS: Final = ("source", "site", "publisher", "outlet", "media", "site_name")
_ADDRESS_IN_SOURCE = re.compile(r"https?://[^\s()<>\[\]\"（）]{3,4000}")


def written_url(front_matter: FrontMatter) -> str | None:
    """Return the address of the article in the fields of ``front_matter``, or None."""
    if front_matter.fields.keys().isdisjoint(_address_keys()):
        return None
    claims = front_matter_claims(front_matter)
    return next((claim.value for claim in claims if claim.field is ClaimField.URL), None)


def front_matter_claims(front_matter: FrontMatter) -> list[Claim]:
    """Return what the fields of ``front_matter`` state, in the order of their keys.

    Clippers write the address of an article as its source.
    """
    found: list[tuple[int, Claim]] = []
    for name, values in front_matter.fields.items():
        if known := _known_keys().get(name):
            order, field, rank, key = known
            for value in dict.fromkeys(values):
                claim = Claim(field, value, Provenance.FRONT_MATTER, key, rank)
                found.append((order, claim))
                if field is ClaimField.SOURCE and "://" in value:
                    found += _address_in_source(claim, order)
    found.sort(key=_by_order)
    return [claim for _, claim in found]


_by_order = itemgetter(0)


def _address_in_source(claim: Claim, order: int) -> list[tuple[int, Claim]]:
    match = _ADDRESS_IN_SOURCE.search(claim.value)
    if match is None:
        return []
    return [(order, claim._replace(field=ClaimField.URL, value=match.group()))]


@cache
def _address_keys() -> frozenset[str]:
    """Return the squashed keys whose values may be addresses."""
    return frozenset(map(squashed, (*_URL_KEYS, *_SOURCE_KEYS)))


@cache
def _known_keys() -> Mapping[str, tuple[int, ClaimField, int, str]]:
    """Return for each squashed key its order, field and rank, and the key as it is written."""
    stated = (
        *((ClaimField.URL, 5, key) for key in _URL_KEYS),
        *((ClaimField.TITLE, 10, key) for key in _TITLE_KEYS),
        *((ClaimField.SOURCE, 5, key) for key in _SOURCE_KEYS),
        *((ClaimField.AUTHORS, 210, key) for key in _AUTHOR_KEYS),
        *((ClaimField.PUBLISHED, rank, key) for key, rank in front_matter_ranks().items()),
    )
    found: dict[str, tuple[int, ClaimField, int, str]] = {}
    for order, (field, rank, key) in enumerate(stated):
        found.setdefault(squashed(key), (order, field, rank, key))
    return found


def merge_front_matter(
    front_matter: FrontMatter, claims: Claims, url: str | None = None, saved_url: str | None = None
) -> Claims:
    """Return ``claims`` with those of ``front_matter`` and two addresses.

    ``url`` is what the caller knows, ``saved_url`` what the program wrote that saved the page.
    """
    found = list(front_matter_claims(front_matter))
    if url:
        found.append(Claim(ClaimField.URL, url, Provenance.GIVEN, rank=_GIVEN_RANK))
    if saved_url:
        found.append(Claim(ClaimField.URL, saved_url, Provenance.COMMENT, rank=_SAVED_RANK))
    if front_matter.title:
        found.append(Claim(ClaimField.TITLE, front_matter.title, Provenance.LINK_LINE))
    if front_matter.url:
        found.append(Claim(ClaimField.URL, front_matter.url, Provenance.LINK_LINE))
    tags = dict.fromkeys((*front_matter.values("tags", "tag", "keywords"), *claims.tags))
    categories = front_matter.values("categories", "category")
    # Archives of feeds give the outlet as category and the topics as tags; blogs give a topic.
    from_feed = front_matter.first("from", "source_url", "original_url") is not None
    if (
        len(categories) == 1
        and categories[0] not in tags
        and (
            sounds_like_outlet(categories[0]) or (from_feed and not looks_like_topic(categories[0]))
        )
    ):
        category = Claim(ClaimField.SOURCE, categories[0], Provenance.FRONT_MATTER, "categories", 6)
        found.append(category)
    else:
        tags.update(dict.fromkeys(categories))
    return Claims.ranked((*found, *claims.all()), tags, claims.site)
