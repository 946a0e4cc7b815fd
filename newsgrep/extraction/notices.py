"""Lines that are not article text, by their wording: buttons, notices, editors, photo credits.

Wording alone never takes a sentence. Buttons have no sentence and go wherever they occur; names
of editors go near the end; a notice goes only next to the beginning or the end of the article
(:mod:`newsgrep.extraction.body` decides that), if it speaks about the article or the site itself and
reports nothing. All rules match folded text, so that each word has one spelling here. Rules for a
single outlet are in ``outlets.toml``.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Final

from newsgrep.analysis.characters import fold
from newsgrep.extraction.bylines import looks_like_names

# ruff: noqa: E501 - alternatives of one kind stay on one line of a pattern


MAX_NOTICE: Final = 400
"""Characters; a longer paragraph is text."""
_MAX_BUTTON: Final = 160
_MAX_STATEMENT: Final = 50
"""Characters of a button or credit that ends as a sentence does."""
_MAX_END_NOTE: Final = 120

_SHARE_TARGETS: Final = (
    r"(?:[\s:.…,/|]*(?:微信|微博|新浪微博|朋友圈|qq(?:空间|好友)?|豆瓣|facebook|twitter|x|line|telegram|whatsapp|weibo"
    r"|wechat|linkedin|reddit|pinterest|e-?mail|邮件|复制链接|更多|打印|收藏|\d+)){0,12}[\s:.…]{0,5}"
)
_BUTTON = re.compile(
    r"""
      (?:广告|advertisement|sponsored(?:\scontent)?)
    | (?:登[录陆入]|注册|订阅|关注|投诉|sign\s(?:up|in)|log\s?in|register|subscribe(?:\snow)?|follow(?:\sus)?|newsletter|menu|search|close|print)
    | (?:分享(?:[到至给]|此文章?)?|共享此文章?|转发|点?赞(?:过|好)?|喜欢|收藏|在看|正在[加载]载|[加载]载(?:中|更多)|载入中)"""
    + _SHARE_TARGETS
    + r"""
    | (?:share(?:\s(?:this|on|via))?(?:\s(?:article|post|story|page))?|like\sthis|loading)"""
    + _SHARE_TARGETS
    + r"""
    | 相关(?:文章|阅读|新闻|报道|报导|链接|内容|主题|推荐)?\s*:?
    | (?:延伸(?:阅读)?|(?:拓|扩)展阅读|推荐阅读|热门文章|更多文章|猜你喜欢|往期(?:回顾|推荐)|热点推荐|热门推荐)\s*:?
    | related(?:\s+(?:posts?|articles?|stories|content|links?|topics|coverage))?\s*:?
    | (?:read\s+more|continue\s+reading|继续阅读|阅读更多|阅读全文|阅读原文|查看原文|查看更多|展开全文|加载更多)(?:\s+on\s+\w+)?\s*[»›…→:.>]*
    | (?:获取)?更多\s*(?:rss|订阅)[^。!?]{0,120} | (?:https?://\S{1,100}\s*){1,3} | https?://feedx\.\S{1,40}
    | 点击(?:查看|阅读|进入|这里|此处|图片|链接)(?:更多|全文|原文|大图|原图|详情|专题|完整版|往期|下一页|阅读|查看|进入|[>»›→\s.…]){0,4}
    | (?:返回|回到)\S{0,8}?(?:顶部|首页|列表|目录|频道)[>»›\s]*|(?:发布于|ip\s?属地)\s*:\s*\S{2,6}|[上下]一[篇页](?:文章|日志|新闻)?(?:\s*[:«»‹›←→][^。!?]{0,60})?|打印本?[页文]?|关闭(?:窗口|本页)?
    | (?:打印|关闭|收藏|分享|返回顶部|[|/\s])+|字[号体](?:大小)?[:]?[大中小\s]+|[\[【(]?字[号体](?:大小)?[:\s]*[大中小\s]+[\]】)]?
    | (?:[您你]?(?:当前|现在|所在)的?位置\s*:?\s*)?首页\s*[|>»›/·-][^。!?,]{0,80} | [您你](?:当前|现在|所在)的?位置[^。!?]{0,80}
    | 发表(?:评论|回复)|(?:评论|留言|跟帖)\s*[(]?\d*[)]?|leave\s+a\s+(?:comment|reply)|我要(?:评论|跟帖|纠错|分享)
    | (?:(?:举报|反馈|投诉|纠错|收藏|分享|打印|关闭|点?赞|转发|评论|复制链接|返回顶部)[|/\s、·]*){1,8} | (?:微博|微信|公众号)关注
    | (?:扫一扫|扫码|用手机)?[,\s]*在?手机(?:上|端)?(?:打开|观看|阅读|查看)(?:当前|本|此)?[页文网]?[^。!?,]{0,6}
    | (?:已有|共有?)?\d+\s*条?(?:评论|回复|跟帖)|\d+\s+(?:comments?|minutes?|min(?:ute)?s?\s+read)
    | (?:(?:阅读|在看|点赞|赞|分享|收藏|评论|浏览|转发|播放|点击|人气|views?|likes?|shares?)(?:量|数|次数)?\s*:?\s*\d[\d.,]*\s?[万wk]?\+?\s*){1,8}
    | [你您]的(?:器材|浏览器|设备|播放器)不支持[^。!?]{0,30}[。.]?
    | (?:copyright\s*)?©[^。!?]{0,60} | copyright\s(?:19|20)\d\d[^。!?]{0,120} | \(c\)\s?(?:19|20)\d\d[^。!?]{0,80} | all\s+rights\s+reserved\.?
    | [-—–*=_·⚪~\#|*\s]+
    """,
    re.VERBOSE,
)
_CREDIT_LINE = re.compile(
    r"""
      (?:图像|图片|照片|图)(?:来源|版权|提供)\s*[,:/][^。!?]{0,80}
    | (?:image|photo|picture)\s+(?:source|credit|caption)s?\s*[,:].{0,120} | (?:image|photo|picture)\s+copyright
    | [(]?[^。!?]{0,60}?(?:[—–/-]|\bvia)\s?(?:afp|ap|reuters|getty(?:\simages)?|epa|xinhua)(?:/.{0,30}|\simages)?[)]?
    | [(]?(?:afp|getty\simages)(?:/getty\simages)?[)]?
    """,
    re.VERBOSE,
)
# Editors paste style sheets, and some sites show them as text.
_STYLE_SHEET = re.compile(
    r"(?:[\w.#][\w.#\s,:>-]{0,60}\{\s*[\w-]{1,40}\s*:[^{}]{0,2000}\}\s*){1,40}"
)


def may_be_button(text: str) -> bool:
    """Return whether ``text`` is short enough for :func:`is_button`; most paragraphs are not."""
    length = len(text)
    if length > _MAX_BUTTON:
        return text.endswith("}")
    if text[-1] not in "。！？!?”」":
        return True
    # Few buttons and credits that end as a sentence does begin with a Han character.
    return length <= _MAX_STATEMENT and (
        not "\u2e80" <= text[0] < "\uff00" or text[0] in "你您发發" or "/" in text or "／" in text
    )


def is_button(folded: str) -> bool:
    """Return whether a whole paragraph, folded, is a label or a photo credit, wherever it is."""
    if len(folded) <= _MAX_BUTTON and (_BUTTON.fullmatch(folded) or _CREDIT_LINE.fullmatch(folded)):
        return True
    return folded.endswith("}") and _STYLE_SHEET.fullmatch(folded) is not None


def is_boilerplate_line(text: str) -> bool:
    """Return whether a whole paragraph is boilerplate at any position."""
    return is_button(fold(text))


_ROLES = re.compile(
    r"(?:本[期文]|新媒体|责任|值班|执行|实习|见习|助理|图片|图文|视频|网络|微信|美术|首席|内容|中文|英文|高级|资深|文字)*"
    r"(?:编辑|责编|美编|主编|副主编|编审|编委|校对?|校译|审校|审核|审读|[一二三初复终]审|监制|监审|统筹|策划|制作|制图|排版|版式|设计"
    r"|翻译|译者?|编译|译校|摄影|供图|配图|题图|插画|绘图|文案|运营|出品人?|签发|剪辑|配音|主播|录音|图)"
    r"(?:\s*[/:—丨|]\s*|\s+|(?=[\[【(]))"
)
_ENGLISH_NOTE = re.compile(r"\son\s[Mm]edium,\s|\bcontributed\s")
_BRACKETS: Final = "[](){}【】〔〕 "
_SOURCE_NOTE = re.compile(
    r"[(\[【]?(?:本文)?(?:(?:原文|英文|英文版|文章|稿件|信息|消息|内容)?(?:链接|网址|地址|来源|出处)|原文|英文|阅读原文|稿源)\s*:[^。!?]{0,200}|[(\[]?(?:source|original|via)\s*:\s*(?:https?://\S+|[^.。!?]{2,60})[)\]]?"
    r"|[(\[【]?(?:本文|文章|原文|稿件)?(?:转载|转|摘|选|节选|整理|编译)自\s*:?\s*[^。!?,]{1,40}[)\]】]?"
    r"|原(?:标题|题|文标题)\s*:.{1,80}|[(\[【]原(?:标题|题|文标题)(?:为|:)?\s*[:]?.{1,80}[)\]】]|微信(?:公众)?号\s*:\s*[\w-]{3,30}"
    r"|(?:部分)?(?:信息|内容|图片|素材|文章|资料|图文)(?:均?来源于?|均?来自|源自)(?:网络|网路|互联网)[^。!?,]{0,20}"
    r"|.{0,40}\b(?:contributed\s+(?:reporting|research)|contributed\s+to\s+this\s+(?:report|article|story))\b.{0,60}"
    r"|(?:additional\s+)?(?:reporting|editing|writing|translated|edited|translation|research)\s+by\s[^!?]{2,100}"
    r"|.{2,80}对本文有(?:报道|报导|研究|报道和研究|报导和研究)?贡献。"
    r"|.{0,160}\s(?:was\s+originally\s+published\s+in|originally\s+published\s+on)\s.{0,60}\son\smedium,\s.{0,100}"
)


def may_be_end_note(text: str) -> bool:
    """Return whether ``text`` is short enough for :func:`is_end_note`; English notes are longer."""
    if len(text) <= _MAX_END_NOTE:
        return len(text) <= _MAX_STATEMENT or text[-1] not in "。！？!?”」" or "本文" in text
    return (
        len(text) <= MAX_NOTICE
        and ("edium," in text or "contributed" in text)
        and _ENGLISH_NOTE.search(text) is not None
    )


def is_end_note(folded: str) -> bool:
    """Return whether a paragraph, folded, only names editors, translators or the origin.

    ``编辑：你们为什么留下？`` is a question and no note.

    >>> is_end_note("责任编辑:林晚 校对:何舟"), is_end_note("编辑:走不动了")
    (True, False)
    """
    if not may_be_end_note(folded):
        return False
    if _SOURCE_NOTE.fullmatch(folded):
        return not reports(folded)
    line = folded.strip(_BRACKETS)
    marks = list(_ROLES.finditer(line))
    if not marks or marks[0].start():
        return False
    ends = [*(mark.start() for mark in marks[1:]), len(line)]
    values = [
        line[m.end() : end].strip(_BRACKETS + "·-") for m, end in zip(marks, ends, strict=True)
    ]
    return any(values) and all(not value or looks_like_names(value) for value in values)


# A notice is about the article or the site, and does something that only notices do.
_ABOUT_ITSELF = re.compile(
    r"本文|本[报网站刊社台号]|本(?:公众号|平台|账号|内容|作品|频道|栏目|书|页|视频|节目)|[该此]文|(?:以上|上述)(?:内容|图文|文字|信息|文章|作品|言论)|转载|版权|着作权"
    r"|©\s*(?:\d{4}|[a-z])|\bour\b|\bthis\s(?:article|story|post|site|content|report|document)|content\sabove|the\sauthor|\bcopyright\s(?:©|\(c\)|\d)|all\srights\sreserved"
)
_SELF_SIGNS: Final = (
    "本", "该文", "此文", "以上", "上述", "转载", "版权", "着作权", "©", "our", "this", "content",
    "author", "copyright", "rights",
)  # fmt: skip
"""One of these is in every match of :data:`_ABOUT_ITSELF`."""
_MAYBE_ABOUT_ITSELF = re.compile(r"内容|作品|图文|图片|原创|原文|原作者|作者本人|文章|声明|稿件")
"""Words for an article that also mean the articles of others; believed in short lines."""
_SHORT_NOTICE: Final = 60
_LONG_NOTICE: Final = 120
_NOTICE_ACT = re.compile(
    r"(?:版权|着作权)\S{0,4}(?:所有|归|属|为)|(?:不得|不可|禁止|严禁|谢绝|请勿|勿|不许|拒绝).{0,12}(?:转载|摘编|复制|翻印|镜像|使用|刊登|引用|抄袭|转发|改编|传播|播发)"
    r"|(?:转载|引用|转发|商用|摘编).{0,12}(?:请|须|需|务必|必须|联系|注明|标明)|(?:如有?|若|涉及|涉嫌|如果).{0,6}侵[权犯]|侵权.{0,6}(?:请|必究|联系|删除|告知)|侵犯.{0,12}(?:权益|权利)|联系.{0,6}(?:删除|我们|处理|作者|授权)|及时(?:删除|处理)"
    r"|代表.{0,14}(?:观点|立场|意见|看法)|(?:观点|立场|意见|看法).{0,10}代表|信息(?:存储|储存|发布)|存储空间|首发(?:于|在|自)|首先?发表于|独家(?:授权|供稿|稿件)"
    r"|保留.{0,16}(?:权利|追究)|未经.{0,20}(?:授权|许可|允许|同意|准许)|(?:获|经|已).{0,8}授权|授权(?:转载|发布|刊登|使用)|仅供.{0,6}(?:参考|学习|交流)|不构成.{0,10}建议"
    r"|(?:真实性|准确性|完整性).{0,12}负责|来自(?:网络|网路|互联网)|用户上传|版权所有|原创(?:文章|作品|首发|内容)?[,。]|(?:违者|翻印|侵权)必究"
    r"|all\srights\sreserved(?!\sfor\b)|\bcopyright\s(?:©|\(c\)|\d)|subject\sto\scopyright|©\s*(?:\d{4}|[a-z])|uploaded\sand\sposted|information\sstorage|originally\s(?:published|appeared)|(?:views|opinions)\sexpressed|do(?:es)?\snot\s(?:necessarily\s)?(?:represent|reflect)"
    r"|without\s(?:the\s)?(?:prior\s)?(?:express\s)?(?:written\s)?(?:permission|consent)|first\spublished|may\snot\sbe\s(?:reproduced|republished|reprinted)|republished\s"
)
_STATES_ORIGIN = re.compile(
    r"[(【\[]?本(?:文|篇|稿)(?:章|件)?(?:经|由|系|为|首发|原载|原发|原刊|转载|来源|仅|观点|内容|版权|授权)"
)
_CLAUSE = re.compile(r"[^,;:。!?\s][^,;:。!?]+")
_NOTICE_LABEL = re.compile(
    r"凡(?:本|是?注明|标注|署名)|\W{0,3}(?:(?:特别|免责|版权|郑重|平台|网站|本[站网文]|作者|重要|法律|风险|原创|转载|编者|投稿)?(?:声明|提示|说明|须知|按)|notice|disclaimer|copyright\snotice)\W{0,2}\s*:"
)
_PLACE: Final = (
    r"(?:[\s,、:]*(?:上方|下方|上图|下图|左侧|右侧|图中|文末|右下角|右上角|左下角|下面|上面|以下|这个|此|本|的|微信|二维码|小程序码|码|蓝字|卡片|名片"
    r"|海报|图片|按钮|链接|标题|即可|可|或|并|后|再|和|与|请|来|下|上|图|一下|“[^”]{1,20}”|《[^》]{1,20}》|「[^」]{1,20}」)){0,10}[\s,、:]*"
)
_CALL = re.compile(
    r"[^\w\s]{0,6}\s*(?:(?:请|欢迎您?|敬请|更多\S{0,8}?[,]?|(?:想|如需)\S{0,12}?[,?])\s*){0,3}"
    r"(?:长按|扫码|扫描|扫一扫|识别|点击|搜索|微信搜[索寻]?|关注|订阅|下载|打开|加入|添加|投稿|追踪|按赞|戳)"
    + _PLACE
    + r"(?:(?:识别|扫码|扫描|关注|订阅|下载|加入|添加|进入|查看|阅读|收听|观看|购买|报名|领取|搜索|加|入群|进群|投稿|打开)"
    + _PLACE
    + r"){0,3}"
    r"(?:我们(?:的[^。!?,]{0,10})?|本[报网站刊社台号]|[^。!?,的]{0,24}(?:公众号|公号|微信号?|微博|客户端|app|频道|账号|视频号|小程序|群|在看|粉丝专页|粉专|电子报|原文|全文|详情|更多\S{0,8}|专题|商城|课程|热线|信箱|邮箱|官网|号|rss)"
    r"|(?<=[”》」])|(?<=二维码)|(?<=蓝字)|(?:[^。!?,]{0,10}[@][\w.-]{2,40}))"
    r"[^。!?,的]{0,16}(?:,(?:即可|就能|获取|了解|查看|回复|更多|可|领取|参与|第一时间|与我们|和我们|不|一起|朋友圈)[^。!?]{0,40})?[。!~]?"
)
_FORMULA = re.compile(
    r"""
      [^。]{0,30}尽在[^。]{0,16}(?:app|客户端|公众号|微博|微信|新闻|财经|网|频道|平台|号)[。!]?
    | (?:安装|下载|打开|点击|关注)[^。!?,]{0,24}(?:客户端|app|公众号)[^。!?,]{0,40}(?:下载|安装|查看|关注|订阅|资讯|了解)[^。!?,]{0,12}
    | (?:如有?|若有?|如涉|涉及|如果)?[^。!?]{0,8}侵权[^。!?]{0,12}(?:联系|告知|删除|通知)[^。!?]{0,20}[。!]? | (?:侵权|翻印|违者)必究[。!]?
    | (?:返回|打开|进入|前往|点击)[^。!?,]{1,12}?[,\s]*查看(?:更多|全部|完整)[^。!?,]{0,10}?[>»\s]*
    | (?:新闻|投稿|爆料|举报)(?:热线|电话|邮箱|信箱|微信)\s*:\s*[\w@.()\s/、-]{5,60}
    | follow\s[^.!?]{2,40}\son\s(?:twitter|facebook|instagram|x|telegram|youtube|linkedin|whatsapp)\b[^.!?]{0,60}[.!]?
    | 未经\S{0,12}(?:授权|许可|允许|同意|准许)[,\s]*(?:任何\S{0,16}?)?(?:一律|均|皆)?(?:不得|禁止|严禁|谢绝|请勿|勿).{0,6}(?:转载|复制|翻印|摘编|转发|镜像|引用|商用|传播).{0,20}
    | (?:谢绝|严禁|禁止|请勿)(?:转载|复制|翻印|抄袭)[。!]? | 版权所有(?![者人权])[^,]{0,60} | (?:本\S{1,6}|文章|图文|图片|作品|内容|视频|稿件|原文|网站)?的?版权(?:归|属|为)[^,。]{1,40}所有。?
    | (?:转载)(?:请|须|时请|须经|需)?(?:注明|标明|联系|授权).{0,80} | (?:copyright\s*)?©[^。!?]{0,160}[。!]?(?<![\u4e00-\u9fff]。)|copyright\s(?:\(c\)|\d|by\b|notice|:).{0,160}|\(c\)\s?(?:(?:19|20)\d\d|[a-z]).{0,80}
    | .{0,30}(?:icp|公网安)备.{0,120} | .{0,20}(?:网站标识码|互联网新闻信息服务许可证?|广播电视节目制作经营许可证?).{0,120}
    | (?:sign\s+up|subscribe|follow\s+(?:us|me|@)|click\s+here|download)\b.{0,120}\b(?:newsletters?|us|our|app|podcasts?|here|e?mails?|channel|feed|inbox|facebook|twitter|instagram|telegram|whatsapp|youtube|linkedin|rss|alerts?|free|today|now)\b[^!?]{0,60}
    | (?:欢迎|敬请)(?:关注|订阅|投稿|留言|转发|分享)[^。!?]{0,30}[。!]? | 投稿(?:邮箱|请)[^。!?]{0,60}
    | (?:.{0,16}[,:\s])?点击查看(?!的)[^。!?,]{0,24} | [^。!?]{0,16}(?:点个|点亮|点击)“?(?:在看|赞|星标|喜欢)”?[^。!?]{0,12}[。!]?
    """,
    re.VERBOSE,
)
_FOOTER_LABEL = re.compile(
    r"(?:主办|承办|协办|主管|技术支持|联系电话|联系方式|地址|邮编|电话|传真|邮箱|举报电话|举报邮箱|新闻热线|值班电话|网站地图|关于我们|联系我们|网站声明"
    r"|法律声明|隐私(?:政策|保护)|广告服务|友情链接|投诉建议|about|contact|privacy|terms).{0,160}"
)
_REPORTS = re.compile(
    r"(?<![小传据])说(?!明)|(?<![名简职宣总俗别号尊])称(?!号|谓)|指出|写道|透露|坦言|告诉(?!我们)|介绍说|回应|(?<!不)表示|强调|承认|否认|质疑|批评|呼吁"
    r"|宣布|查明|裁定|责令|判[赔决处令]|上诉|起诉|提起|处罚|罚[款金]|逮捕|拘留|警方|法院|检察|(?<!其)[他她](?!人)们?|记者(?:从|看到|了解|发现|注意)|通报|昨[天日]|今年|去年|据.{1,12}(?:报道|报导|统计)"
    r"|\b(?:said|says|told|announced|ruled|fined|sued|he|she|his|her|they)\b"  # codespell:ignore
)


_ASKS = re.compile(r"[?谁吗呢]|什么|怎么|多少|为何")


def reports(folded: str) -> bool:
    """Return whether a paragraph, folded, has the words of reporting, which no notice has."""
    return _REPORTS.search(folded) is not None


_SPACED = re.compile(r"(?<=[\u4e00-\u9fff,。])\s(?=[\u4e00-\u9fff,。])")


def is_notice(folded: str) -> bool:
    """Return whether a paragraph, folded, is a legal note, a statement or an invitation.

    Believe it only at the beginning or the end of an article.

    >>> is_notice("未经许可不得转载"), is_notice("法院查明,该公司未经船主许可,擅自使用其照片。")
    (True, False)
    """
    if len(folded) > MAX_NOTICE:
        return False
    if (len(folded.split()) - 1) * 3 > len(folded):
        spaces = _SPACED.findall(folded)
        if len(spaces) * 3 > len(folded):  # a spaced-out line
            folded = _SPACED.sub("", folded)
    act = _acts(folded)
    if act and _NOTICE_LABEL.match(folded):
        return True
    worded = (
        (act and not _ASKS.search(folded))
        or _CALL.fullmatch(folded) is not None
        or _FORMULA.fullmatch(folded) is not None
    )
    return worded and not reports(folded)


def _acts(folded: str) -> bool:
    """Return whether a text speaks about itself and does what notices do; a long one twice."""
    about = (any(map(folded.__contains__, _SELF_SIGNS)) and _ABOUT_ITSELF.search(folded)) or (
        len(folded) <= _SHORT_NOTICE and _MAYBE_ABOUT_ITSELF.search(folded)
    )
    if not about:
        return False
    needed = 1 if len(folded) <= _LONG_NOTICE else 2
    if len(list(islice(_NOTICE_ACT.finditer(folded), needed))) < needed:
        return False
    if _NOTICE_LABEL.match(folded) or _STATES_ORIGIN.match(folded):
        return True
    clauses = _CLAUSE.findall(folded)
    formal = sum(1 for c in clauses if _NOTICE_ACT.search(c) or _ABOUT_ITSELF.search(c))
    return formal * 4 >= len(clauses) * 3 or (folded.isascii() and formal * 2 >= len(clauses))


def is_footer(folded: str) -> bool:
    """Return whether a line, folded, belongs to the foot of a site if a notice follows it."""
    return len(folded) <= MAX_NOTICE and _FOOTER_LABEL.fullmatch(folded) is not None


_PROSE = re.compile(r"[。!?…]|[a-z][,;]?\s(?:[\w'-]+[,;]?\s){4,60}[\w'-]+[.!?]")


def is_prose(folded: str) -> bool:
    """Return whether a text, folded, contains a sentence."""
    return _PROSE.search(folded) is not None


_PHOTO_CREDIT = re.compile(
    r"(?P<caption>.*?)(?<![\s。,(])[\s。,(]*(?:(?:摄|摄影师?)\s*[:/]|(?=[\u4e00-\u9fff]{0,8}记者\s?[\u4e00-\u9fff]{2,4}\s?摄[)]?。?$)"
    r"|(?:图片?|照片|图像|图源)?(?:来源|提供|版权)\s*[:,]"
    r"|(?<![左右上下中前后大小本插附题])图\s*[/:]|photo(?:graph)?s?(?:\s+(?:by|credit))?\s*:|photograph\s+by\b|credit\s*:|©)"
    r"\s*(?P<credit>[^。!?]{1,120}。?)",
    re.DOTALL,
)
_PHOTO_LINE = re.compile(
    r".{4,300}?(?:(?:摄|摄影)\s*:|(?<![拍录])(?:摄|摄影)\s*/)\s*[^\s。!?][^。!?]{0,120}[。]?"
    r"|[^。]{4,60}[\s。,]图(?:片?来源)?\s*[/:]\s*\S{1,30}"
    r"|(?:资料图|图为|图:|上图|下图).{4,300}?[\s。,(](?:[\u4e00-\u9fff]{0,8}记者\s?)?[\u4e00-\u9fff]{2,4}\s?(?<![拍录])摄[)]?。?"
    r"|.{4,300}?[\s。,(][\u4e00-\u9fff]{0,8}记者\s?[\u4e00-\u9fff]{2,4}\s?(?<![拍录])摄[)]?。?",
    re.DOTALL,
)
_PICTURE_LABEL = re.compile(r"[图圖](?:片?[来來]源)?\s*[/:／：﹕︓∕]")
"""What a credit has that is not that of a photographer."""
_MAX_CREDITED_CAPTION: Final = 1000
_MAX_PHOTO_LINE: Final = 400


def strip_credit(caption: str) -> str:
    """Return ``caption`` without the name of a photographer or an agency at its end."""
    if len(caption) > _MAX_CREDITED_CAPTION:
        return caption
    match = _PHOTO_CREDIT.fullmatch(fold(caption))
    if not match:
        return caption
    end = match.end("caption")
    kept = caption[:end].strip()
    # The full stop before the credit belongs to the caption.
    return kept + "。" if kept and caption[end : end + 1] == "。" else kept


def may_be_credited(text: str) -> bool:
    """Return whether :func:`photo_caption` can find a credit in ``text``."""
    return len(text) <= _MAX_PHOTO_LINE and (
        "摄" in text
        or "攝" in text
        or (("图" in text or "圖" in text) and _PICTURE_LABEL.search(text) is not None)
    )


def photo_caption(text: str, folded: str) -> str | None:
    """Return the caption if a whole paragraph is a caption with a credit, else None.

    A credit is ``摄：`` or ``图：`` with a name. The result is empty for a credit without a caption.
    """
    return strip_credit(text) if _PHOTO_LINE.fullmatch(folded) else None


_LEAD_IN = re.compile(
    r"(?=.{0,40}(?:下面|以下|这里|此处|回顾|看到|列表|系列|阅读|前文|链接|连结|错过|更多|相关"
    r"|\b(?:read|see|here|more|series)\b))[^。!?,]{0,40}(?:,[^。!?,]{0,40})?:"
)
_MAX_LEAD_IN: Final = 41


def is_lead_in(text: str) -> bool:
    """Return whether a paragraph only introduces a list of links, such as ``相关阅读：``."""
    return len(text) <= _MAX_LEAD_IN and _LEAD_IN.fullmatch(fold(text)) is not None
