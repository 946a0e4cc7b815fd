"""Where files state dates: front matter, meta tags, JSON-LD, elements, scripts, and their ranks.

Smaller ranks are better evidence. The rank of a place is here; whether to believe a claim is
decided in ``choice``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

# The order of the evidence, best first.
OUTLET_RULE_RANK: Final = 0
MARKED_RANK: Final = 2
"""An element that is marked as the date of publication, beside the headline."""
LABELLED_RANK: Final = 4
"""A line beside the headline that says that it is the date of publication."""
PROPERTY_RANK: Final = 20
JSON_LD_RANK: Final = 25
META_RANK: Final = 30
FIRST_LINE_RANK: Final = 31
"""A first line of the text that is nothing but a date."""
BESIDE_RANK: Final = 32
"""A ``time`` element or a date in a line beside the headline, without a label."""
_WEAK_META_RANK: Final = 45
HEAD_LINE_RANK: Final = 48
FRONT_MATTER_RANK: Final = 50
URL_DAY_RANK: Final = 55
BARE_RANK: Final = 57
"""A day in a line beside the headline, without a label, a time or a class that names a date."""
SCRIPT_RANK: Final = 64
FAR_LABELLED_RANK: Final = 66
"""A labelled line somewhere else on the page, such as the end of the text."""
FAR_TIME_RANK: Final = 68
"""A ``time`` element somewhere else on the page."""
TITLE_RANK: Final = 70
FETCHED_RANK: Final = 71
"""Front matter that states the moment of fetching."""
FILE_NAME_RANK: Final = 72
LAST_LINE_RANK: Final = 74
NAMED_RANK: Final = 75
"""An element whose class or id says that it contains a date, somewhere else on the page."""
DATELINE_RANK: Final = 76
CAPTION_RANK: Final = 78
URL_MONTH_RANK: Final = 80
UPDATED_RANK: Final = 90
"""The time of an update, which is at least not before publication."""
CLIPPED_RANK: Final = 95
"""Front matter that usually states when a clipping was made."""
LAST_MODIFIED_RANK: Final = 198
"""The HTTP header of a page without any other date."""
OUTSIDE: Final = 100
"""Added to the rank of a claim from an element outside the article."""

_LETTERS = re.compile(r"[^a-z\u4e00-\u9fff]+")


def _key(name: str) -> str:
    """Return ``name`` in lower case without signs, as ``publishdate`` for ``publish_date``."""
    return _LETTERS.sub("", name.lower())


_PUBLISHED_NAMES: Final = """
    articlepublishedtime ogarticlepublishedtime datepublished ogdatepublished ogpublishedtime
    publishedtime articlepublished ogarticlepublished articlepublisheddate publisheddate
    articlepublicationdate originalpublicationdate publicationdate firstpublishedtime
    articlefirstpublished dcsextarticlefirstpublished firstpublished publishdate ogpublishdate
    pubdate ogpubdate btpubdate rbpubdate articlepubdate publishtime ogpublishtime pubtime
    publishedat publishedon publishon dateposted articlepostdate postdate twtpublishedat
    parselypubdate sailthrudate cxenseparserecspublishtime shareaholicarticlepublishedtime
    mediatorpublishedtime vrpublishedtime rnewsdatepublished schemadatepublished
    citationpublicationdate citationonlinedate citationdate analyticsattributesarticledate
    articledateoriginal displaydate gentime ogreleasedate releasedate ogregdate apubtime
    articlecreateat weiboarticlecreateat bytedancepublishedtime ptime
    dcdateissued dctermsissued dcdatepublication dcdatepublished
    发布时间 發布時間 發佈時間 发布日期 發布日期 发表时间 發表時間 发表日期 發表日期 出版日期
"""
_DATE_NAMES: Final = """
    dctermscreated dccreated dcdatecreated dcdate dctermsdate date datetime created datecreated
    articlecreated createdat contentcreatedate docdate pdate ogquestionpublishedtime
    videoreleasedate timestamp 日期 时间 時間
"""
_UPDATED_NAMES: Final = """
    articlemodifiedtime articlemodified ogarticlemodifiedtime ogupdatedtime ogmodifiedtime
    datemodified dateupdate dateupdated datemodify modifiedtime modified lastmodified lastmod
    lastdate updatedtime updatetime updated dctermsmodified dcmodified dcdatemodified revisiondate
    btmoddate utime articleupdateat weiboarticleupdateat bytedanceupdatedtime schemadatemodified
    更新时间 更新時間 更新日期 修改时间 修改時間
"""
_META_RANKS: Final = {
    **dict.fromkeys(_UPDATED_NAMES.split(), UPDATED_RANK),
    **dict.fromkeys(_DATE_NAMES.split(), _WEAK_META_RANK),
    **dict.fromkeys(_PUBLISHED_NAMES.split(), META_RANK),
}
_PROPERTY_RANKS: Final = {
    "datepublished": PROPERTY_RANK,
    "schemadatepublished": PROPERTY_RANK,
    "dctermsissued": PROPERTY_RANK,
    "dcdateissued": PROPERTY_RANK,
    "dcdate": PROPERTY_RANK + 1,
    "dccreated": PROPERTY_RANK + 1,
    "dctermscreated": PROPERTY_RANK + 1,
    "pubdate": PROPERTY_RANK + 1,
    "datecreated": _WEAK_META_RANK - 1,
    "datemodified": UPDATED_RANK,
    "dateupdate": UPDATED_RANK,
}
_JSON_LD_RANKS: Final = {
    "datePublished": JSON_LD_RANK,
    "pubDate": JSON_LD_RANK,
    "uploadDate": JSON_LD_RANK + 2,
    "dateCreated": JSON_LD_RANK + 3,
    "dateModified": UPDATED_RANK,
    "upDate": UPDATED_RANK + 1,
}
_MATTER_RANKS: Final = {
    **dict.fromkeys(
        ("modified", "updated", "updated_at", "lastmod", "last_modified", "更新时间", "更新時間"),
        CLIPPED_RANK + 1,
    ),
    **dict.fromkeys(("created", "created_at", "date_created", "datecreated"), CLIPPED_RANK),
    **dict.fromkeys(
        (
            "date", "published", "published_at", "published_on", "published_time", "published_date",
            "publisheddate", "publishedat", "publish_date", "publishdate", "publish_time",
            "publishtime", "date_published", "datepublished", "date published", "pubdate",
            "pub_date", "pub_time", "pubtime", "posted", "post_date", "release_date", "issued",
            "time", "日期", "时间", "時間", "发布时间", "發布時間", "發佈時間", "发布日期",
            "發布日期",
            "发表时间", "發表時間", "发表日期", "發表日期", "出版日期", "刊登日期", "刊登時間",
        ),
        FRONT_MATTER_RANK,
    ),
}  # fmt: skip


def front_matter_ranks() -> Mapping[str, int]:
    """Return the keys of front matter that state dates, in lower case, with their ranks."""
    return _MATTER_RANKS


def meta_rank(name: str) -> int | None:
    """Return the rank of a date in the ``meta`` tag ``name``, or None if it states no date."""
    return _META_RANKS.get(_key(name))


def property_rank(name: str) -> int | None:
    """Return the rank of a date in the microdata or RDFa property ``name``, or None."""
    return _PROPERTY_RANKS.get(_key(name))


def json_ld_dates(article: Mapping[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Yield the keys, values and ranks of the dates of an article in JSON-LD."""
    other = 0 if article.get("headline") or article.get("title") else 1
    for key, rank in _JSON_LD_RANKS.items():
        if value := article.get(key):
            yield key, value, rank + other  # of a page or a video, not of an article


_SCRIPT_DATE = re.compile(
    r"""\b(?P<key>publish_?(?:ed)?_?(?:time|date|at|on)|pub_?(?:date|time)|ct|create_?time|created_?at
    |datePublished|date_published|release_?(?:time|date)|ptime)["']?\s?[=:]\s?
    (?:["'](?P<text>[^"'\n]{8,40})["']|(?P<number>1\d{9}(?:\d{3})?)\b)""",
    re.VERBOSE | re.IGNORECASE,
)
_SCRIPT_CUES: Final = (
    "publi", "pubdate", "pub_date", "pubtime", "pub_time", "createtime", "create_time",
    "createdat", "created_at", "releasetime", "release_time", "releasedate", "release_date",
    "ptime", "ct=", "ct =", "ct:", 'ct":',
)  # fmt: skip


def dates_in_script(script: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of variables that state when an article was published."""
    lowered = script.lower()
    if any(cue in lowered for cue in _SCRIPT_CUES):
        for match in _SCRIPT_DATE.finditer(script):
            yield match["key"], match["text"] or match["number"]
