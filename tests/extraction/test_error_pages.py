"""Error pages: what servers send in place of an article is recognised, and articles are kept."""

from __future__ import annotations

import time

import pytest

from newsgrep.extraction.error_pages import MAX_TEXT_UNDER_TITLE, error_page, formulas


def reason(title: str, *texts: str, path: str = "/a.html", dated: bool = False) -> str | None:
    return error_page(path, [title] if title else [], texts, dated=dated)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("404", ""),
        ("404 Not Found", "nginx/1.18.0"),
        ("", "您访问的页面不存在或已被删除。"),
        ("", "該內容已被發布者刪除"),
        ("", "此帳號已被屏蔽，內容無法查看"),
        ("", "抱歉，该文章已不存在。"),
        ("", "链接已过期"),
        ("出错了 - 白鹤网", "抱歉，您访问的页面地址有误，或者该页面不存在"),
        ("", "当前环境异常，完成验证后即可继续访问。"),
        ("Just a moment...", "Verifying you are human. This may take a few seconds."),
        ("Access Denied", "You don't have permission to access this page on this server."),
        ("", "请输入验证码"),
        ("百度安全验证", ""),
        ("用户登录", "请输入手机号。获取短信验证码。"),
        ("", "您还没有登录，无法查看此页。"),
        ("Site under maintenance", "We'll be right back."),
        ("", "系统繁忙，请稍后再试。"),
        ("", "Please enable JavaScript to continue."),
        ("Página no encontrada", ""),
        ("Page introuvable - Le Bac", ""),
        ("ページが見つかりません", ""),
        ("", "This content is no longer available."),
    ],
)
def test_error_pages_are_recognised(title: str, text: str) -> None:
    assert reason(title, *filter(None, [title, text]))


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("404 教室的孩子们", "他们把课桌搬到走廊上。"),
        ("系统维护工程师的一天", "他早上六点出门，天黑才回来。"),
        ("记者发现该文章已被删除", "记者发现该文章已被删除"),
        ("他注册了一家公司", "公司在河对岸。"),
        ("渔船登录码头", "渔船登录码头，鱼价下跌。"),
        ("验证码背后的工厂", "两百个人坐在仓库里，替机器认红绿灯。"),
        ("自来水厂停水检修", "自来水厂停水检修，周一恢复。"),
        ("Access to the harbour denied to trawlers", "The port closed at noon."),
        ("", "港务局说，文章已经删除，但截图还在流传，读者有三万多人。"),
    ],
)
def test_short_articles_are_kept(title: str, text: str) -> None:
    assert reason(title, *filter(None, [title, text])) is None


def test_dated_page_is_article() -> None:
    assert reason("页面不存在", "昨夜公告都打不开了。")
    assert reason("页面不存在", "昨夜公告都打不开了。", dated=True) is None


def test_long_page_is_article() -> None:
    text = "船长说风浪很大。" * (MAX_TEXT_UNDER_TITLE // 7 + 1)
    assert reason("404", "您访问的页面不存在。", text) is None


def test_frames_of_saved_pages_are_recognised() -> None:
    text = "下载白鹤出行，首单立减六元"
    assert reason("", text) is None
    assert reason("", text, path="/渡口_files/x.html")
    assert reason("", text, path="/a/saved_resource(2).html")
    assert reason("", text * 40, path="/a/saved_resource(2).html") is None


def test_frame_without_title_is_recognised() -> None:
    text = "下载白鹤出行，首单立减六元"
    assert error_page("/a.html", [], [text], dated=False, bare=True)
    assert error_page("/a.html", [], [text + "。"], dated=False, bare=True) is None
    assert error_page("/a.html", [], [text] * 4, dated=False, bare=True) is None


UNITS = (
    "抱歉",
    "您访问的",
    "页面",
    "已被",
    "因违规",
    "404 error ",
    "the page that ",
    "登录",
    "，",
    "e" * 9,
)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("end", ["", "不存在", "x"])
def test_formulas_take_bounded_time(unit: str, end: str) -> None:
    formulas()
    start = time.perf_counter()
    reason("", (unit * 160)[:150] + end)
    assert time.perf_counter() - start < 0.5
