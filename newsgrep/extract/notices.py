# ruff: noqa: E501 - alternatives of one kind stay on one line of a pattern
"""Lines that are not article text, by their wording: notices, editors' notes, photo credits.

Patterns match whole paragraphs, so that a sentence that only contains such words is kept: a
share bar left in hides nothing, a lost paragraph does. Rules for a single outlet are in
``outlets.toml``.
"""

from __future__ import annotations

import re
from typing import Final

from newsgrep.analysis.fold import fold

_NOTICE = re.compile(
    r"""
      (?:图像|圖像|图片|圖片|照片|图|圖)(?:来源|來源|版权|版權|提供)\s*[,，:：／/].{0,80}
    | (?:Image|Photo|Picture)\s+(?:source|credit|caption)[s]?\s*[,:].{0,120}
    | (?:你|您)的(?:器材|浏览器|瀏覽器|设备|設備)不支持.{0,30}
    | (?:广告|廣告|Advertisement|ADVERTISEMENT|Sponsored)
    | (?:分享|分享到|分享至|共享此文章|分享此文|转发|轉發|赞过|讚好|喜欢|正在加载|正在載入|载入中)[\s:：.…]{0,5}(?:.{0,12})?
    | (?:Share\s+(?:this|on).{0,30}|Like\s+this|Loading)[:.…\s]*
    | (?:相关|相關)(?:文章|阅读|閱讀|新闻|新聞|报道|報導|链接|鏈接|内容|內容|主题|推荐|推薦)?\s*[:：]?
    | (?:延伸阅读|延伸閱讀|推荐阅读|推薦閱讀|热门文章|熱門文章|更多文章|猜你喜欢|猜你喜歡)\s*[:：]?
    | Related(?:\s+(?:posts?|articles?|stories|content|links?|topics|coverage))?\s*:?
    | (?:Read\s+more|Continue\s+reading|继续阅读|繼續閱讀|阅读更多|閱讀更多|阅读全文|閱讀全文)(?:\s+on\s+\w+)?\s*[»›…→:.]*
    | (?:获取|獲取)?更多\s*(?:RSS|订阅|訂閱).{0,200} | (?:https?://\S{1,100}\s*){1,3} | https?://feedx\.\S{1,40}
    | (?:点击|點擊)(?:查看|阅读|閱讀|这里|這裡|此处|此處).{0,40}
    | (?:返回|回到)(?:顶部|頂部|首页|首頁)|(?:上|下)一篇(?:文章|日[志誌])?(?:\s*[:：«»‹›←→].{0,60})?|打印本?[页頁文]?|字[号號体體]?[:：]?[大中小\s]+
    | (?:发表|發表)(?:评论|評論|回复|回覆)|(?:评论|評論|留言)\s*[（(]?\d*[）)]?|Leave\s+a\s+(?:comment|reply)
    | (?:扫|掃)(?:一扫|码|碼|描).{0,30}(?:关注|關注|微信|分享).{0,30}
    | (?:已有|共有?)?\d+\s*(?:条|條)?(?:评论|評論|回复|回覆)|\d+\s+(?:Comments?|Minutes?|min(?:ute)?s?\s+read)
    | (?:请|請)?微信搜[索尋寻].{0,80}|[-—–*=_·•⚪~#|＊\s]+
    | [(（]?.{0,60}?(?:[—–/-]|\bvia)\s?(?:AFP|AP|Reuters|Getty(?:\sImages)?|EPA|Xinhua)(?:/.{0,30}|\sImages)?[)）]?
    | [(（]?(?:AFP|Getty\sImages)(?:/Getty\sImages)?[)）]?
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_END_NOTE = re.compile(
    r"""
      (?:翻译|翻譯|译者|譯者|编译|編譯|校对|校對|审校|審校|责任编辑|責任編輯|责编|責編|编辑|編輯|实习编辑|美编)\s*[：:/／].{1,60}
    | [(（]?\s*(?:责任编辑|責任編輯|责编|責編)\s*[：:]?.{1,40}[)）]?
    | .{2,80}对本文有(?:报道|研究|报道和研究)?贡献。|.{2,80}對本文有(?:報導|研究|報導和研究)?貢獻。
    | .{0,60}(?:contributed\s+(?:reporting|research)|contributed\s+to\s+this\s+(?:report|article|story)).{0,60}
    | (?:本文|本刊|本站|本网|本網)?.{0,12}(?:内容|內容|文章|作品)?(?:版权|版權)(?:为|為|归|歸|所有|属|屬).{0,100}
    | .{0,40}未经.{0,30}(?:授权|许可|允许|同意).{0,30}(?:转载|复制|使用|翻印).{0,60}
    | .{0,20}(?:著作權|著作权)(?:屬|属|歸|归|為|为).{0,80}
    | .{0,40}未經.{0,30}(?:授權|許可|允許|同意).{0,30}(?:轉載|複製|使用|翻印).{0,60}
    | .{0,20}保留.{0,20}(?:一切|所有|全部)(?:权利|權利).{0,100}
    | (?:转载|轉載)(?:请|請|须|須|时请|時請)?(?:注明|註明|标明|標明|联系|聯繫).{0,80}
    | (?:Copyright|©|\(c\)).{0,120}|All\s+rights\s+reserved\.?
    | (?:原文|英文|本文英文版|原文链接|原文鏈接|原文网址|阅读原文|閱讀原文|原文地址|本文链接|本文鏈接|Source|Original)\s*[：:].{0,200}
    | (?:欢迎|歡迎)(?:关注|關注|订阅|訂閱).{0,60}|(?:Sign\s+up|Subscribe|Follow\s+us).{0,120}
    | .{0,20}(?:点击|點擊)查看.{0,40}
    | .{0,160}\s(?:was\s+originally\s+published\s+in|originally\s+published\s+on)\s.{0,60}\son\sMedium,\s.{0,100}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_MAX_LINE: Final = 240


# Editors paste style sheets, and some sites show them as text.
_STYLE_SHEET = re.compile(
    r"(?:[\w.#][\w.#\s,:>-]{0,60}\{\s*[\w-]{1,40}\s*:[^{}]{0,2000}\}\s*){1,40}"
)


def is_boilerplate_line(text: str) -> bool:
    """Return whether a whole paragraph is boilerplate at any position."""
    if len(text) <= _MAX_LINE and _NOTICE.fullmatch(text) is not None:
        return True
    return text.endswith("}") and _STYLE_SHEET.fullmatch(text) is not None


def is_end_note(text: str) -> bool:
    """Return whether a paragraph near the end is a translator's, an editor's or a legal note."""
    return len(text) <= _MAX_LINE and _END_NOTE.fullmatch(text) is not None


_PHOTO_CREDIT = re.compile(
    r"(?P<caption>.*?)(?<![\s。，,（(])[\s。，,（(]*(?:(?:摄|攝|摄影师?|攝影師?)\s*[：:／/]"
    r"|(?:图片?|圖片?|照片|图像|圖像|图源|圖源)?(?:来源|來源|提供|版权|版權)\s*[：:，,]"
    r"|(?<![左右上下中前后後大小本插附题題])(?:图|圖)\s*[／/：:]|Photo(?:graph)?s?(?:\s+(?:by|credit))?\s*[:：]|Photograph\s+by\b|Credit\s*:|©)"
    r"\s*(?P<credit>[^。！？]{1,120}。?)",
    re.DOTALL | re.IGNORECASE,
)
_PHOTO_LINE = re.compile(
    r"(?P<caption>.{4,300}?)(?:(?:摄|攝|摄影|攝影)\s*[：:]|(?<![拍录錄])(?:摄|攝|摄影|攝影)\s*[／/])"
    r"\s*[^\s。！？][^。！？]{0,120}[。]?"
    r"|(?P<short>[^。]{4,60}[\s。，])(?:图|圖)(?:片?来源|片?來源)?\s*[/／：:]\s*\S{1,30}"
)


_MAX_CREDITED_CAPTION: Final = 1000
_MAX_PHOTO_LINE: Final = 400


def strip_credit(caption: str) -> str:
    """Return ``caption`` without the name of a photographer or an agency at its end."""
    if len(caption) > _MAX_CREDITED_CAPTION:
        return caption
    match = _PHOTO_CREDIT.fullmatch(caption)
    if not match:
        return caption
    kept = match["caption"].strip()
    # The full stop before the credit belongs to the caption.
    end = len(match["caption"])
    return kept + "。" if kept and caption[end : end + 1] == "。" else kept


def photo_caption(text: str) -> str | None:
    """Return the caption if a whole paragraph is a caption with a credit, else None.

    A credit is ``摄：`` or ``图：`` with a name. The result is empty for a credit without a caption.
    """
    if len(text) > _MAX_PHOTO_LINE or not any(sign in text for sign in "摄攝图圖"):
        return None
    match = _PHOTO_LINE.fullmatch(text)
    return strip_credit(text) if match else None


_LEAD_IN = re.compile(
    r"(?=.{0,40}(?:下面|以下|这里|此处|回顾|看到|列表|系列|阅读|前文|链接|连结|错过|更多|相关"
    r"|\b(?:read|see|here|more|series)\b))[^。!?,]{0,40}(?:,[^。!?,]{0,40})?:"
)
_MAX_LEAD_IN: Final = 41


def is_lead_in(text: str) -> bool:
    """Return whether a paragraph only introduces a list of links, such as ``相关阅读：``."""
    return len(text) <= _MAX_LEAD_IN and _LEAD_IN.fullmatch(fold(text)) is not None
