"""``newsgrep serve`` in a real browser: a reporter's day, accessibility, pictures."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli import REPOSITORY, Cli
from tests.support.web import Served, serve

pytestmark = pytest.mark.slow

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), "")
SIZES = ((1280, 900), (360, 780))
THEMES = ("light", "dark")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as running:
        found = running.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield found
        found.close()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """Run newsgrep on the samples, with two saved queries and a new article."""
    cli = Cli(tmp_path_factory.mktemp("archive"))
    shutil.copytree(REPOSITORY / "seeds", cli.folder / "seeds")
    cli("index", "seeds")
    newest = Path(cli.json("search", '"联合声明"', "--sort", "-date")["hits"][0]["path"])
    kept = newest.read_bytes()
    newest.unlink()
    cli("index", "seeds", "--prune")
    cli("saved", "add", "渔业", '渔业 OR "联合声明"')
    cli("saved", "add", "洪峰", "洪峰 OR 台风")
    cli("new", "渔业", "洪峰", status=None)
    newest.write_bytes(kept)
    cli("index", "seeds")
    return cli


@pytest.fixture(scope="module")
def server(archive: Cli, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("home")
    with serve(archive.folder / "index", "--title", "汀海报刊", home=home) as found:
        yield found


class Visitor:
    """A browser window that remembers what must not happen."""

    def __init__(self, browser: Any, server: Served, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.url = server.url.rstrip("/")
        self.problems: list[str] = []
        self.page.on("console", self._note_console)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", self._note_request)

    def _note_console(self, message: Any) -> None:
        expected = "status of 40" in message.text  # a page of an error that the test visits
        if message.type in {"error", "warning"} and not expected:
            self.problems.append(message.text)

    def _note_request(self, request: Any) -> None:
        if not request.url.startswith((self.url, "data:")):
            self.problems.append(f"requests {request.url}")

    def go(self, path: str) -> Any:
        self.page.goto(self.url + path)
        return self.page

    def close(self) -> None:
        self.context.close()
        assert self.problems == []


@pytest.fixture
def visitor(browser: Any, server: Served) -> Iterator[Visitor]:
    found = Visitor(browser, server, viewport={"width": 1280, "height": 900})
    yield found
    found.close()


def test_day_of_a_reporter_works_by_mouse_and_keys(visitor: Visitor) -> None:
    page = visitor.go("/")
    page.keyboard.press("/")
    page.keyboard.type("source:汀")
    page.get_by_role("option").first.wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    box = page.get_by_role("combobox", name="Query")
    assert box.input_value().startswith("source:汀")
    box.fill("渔业")
    heading = page.locator("h1.count")
    with page.expect_navigation(url="**/?q=*"):
        page.keyboard.press("Enter")
    total = int(heading.inner_text().split()[0])
    assert total >= 2

    facet = page.locator(".facets section").first.locator("li a").first
    count = int(facet.locator(".number").inner_text())
    with page.expect_navigation(url="**source_is=*"):
        facet.click()
    assert int(heading.inner_text().split()[0]) == count
    page.go_back()
    assert int(heading.inner_text().split()[0]) == total

    with page.expect_navigation(url="**sort=-date*"):
        page.select_option("#sort", "-date")
    dates = page.locator(".hit .date").all_inner_texts()
    assert dates == sorted(dates, reverse=True)

    page.keyboard.press("j")
    with page.expect_navigation(url="**/article/*"):
        page.keyboard.press("Enter")
    marks = page.locator("mark[id]")
    page.keyboard.press("n")
    assert "current" in (marks.first.get_attribute("class") or "")
    if marks.count() > 1:
        page.keyboard.press("n")
        assert "current" in (marks.nth(1).get_attribute("class") or "")
        page.keyboard.press("p")
    assert page.locator(".matches .step").inner_text() == f"1 of {marks.count()}"
    assert "[N" in page.locator(".citation pre").first.inner_text()


def test_range_of_the_chart_can_be_dragged(visitor: Visitor) -> None:
    page = visitor.go("/?q=*")
    total = int(page.locator("h1.count").inner_text().split()[0])
    plot = page.locator(".strip svg").first.bounding_box()
    middle = plot["y"] + plot["height"] / 2
    page.mouse.move(plot["x"] + plot["width"] * 0.55, middle)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.99, middle, steps=5)
    with page.expect_navigation(url="**since=*until=*"):
        page.mouse.up()
    assert 0 < int(page.locator("h1.count").inner_text().split()[0]) < total
    with page.expect_navigation():
        page.locator(".chips a").click()
    assert int(page.locator("h1.count").inner_text().split()[0]) == total


def test_everything_works_without_javascript(browser: Any, server: Served) -> None:
    visitor = Visitor(browser, server, java_script_enabled=False)
    page = visitor.go("/")
    page.fill("#q", "联合声明")
    page.click("text=Search")
    total = int(page.locator("h1.count").inner_text().split()[0])
    assert total
    page.select_option("#sort", "date")
    page.click("text=Apply")
    assert "sort=date" in page.url
    page.locator(".facets li a").first.click()
    page.locator(".chips a").first.click()
    for name in ("Timeline", "In context", "Keywords", "Compare", "Saved", "Articles"):
        page.get_by_role("navigation", name="Views").get_by_role("link", name=name).click()
        assert page.locator("h1, .note, fieldset").count()
    page.locator(".hit h2 a").first.click()
    page.click(".matches a")
    assert page.url.endswith("#m1")
    visitor.close()


PAGES = {
    "start": "/",
    "search": "/?q=声明",
    "article": "/article/{id}?q=联合声明",
    "timeline": "/timeline?q=声明&by=month",
    "sources": "/timeline?q=声明&by=month&per=source",
    "context": "/kwic?q=声明",
    "keywords": "/keywords?q=声明",
    "compare": "/compare?q=*",
    "saved": "/saved",
    "none": "/?q=渔业+潜水艇",
    "mistake": '/?q=渔业+"联合声明',
}


def pictures_of_docs() -> set[str]:
    """Return the names of the pictures in docs/WEB.md; `make pictures` takes them again."""
    page = (REPOSITORY / "docs" / "WEB.md").read_text("utf-8")
    return set(re.findall(r"pictures/([\w-]+\.png)", page))


def test_docs_have_a_picture_of_every_page() -> None:
    names = {name.partition("-")[0] for name in pictures_of_docs()}
    assert names == PAGES.keys() - {"start", "sources"}
    taken = {path.name for path in (REPOSITORY / "docs" / "pictures").iterdir()}
    assert taken == pictures_of_docs(), "run: make pictures"


def article_id(archive: Cli) -> str:
    found = archive.json("search", '"联合声明"', "-n", "1")["hits"][0]["id"]
    assert isinstance(found, str)
    return found


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES, ids=lambda size: str(size[0]))
def test_pages_are_accessible_and_as_wide_as_the_screen(
    browser: Any, server: Served, archive: Cli, size: tuple[int, int], theme: str
) -> None:
    axe_module = pytest.importorskip("axe_playwright_python.sync_playwright")
    width, height = size
    visitor = Visitor(
        browser, server, viewport={"width": width, "height": height}, color_scheme=theme
    )
    found: list[str] = []
    shown = pictures_of_docs()
    axe = axe_module.Axe()
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    # The themes differ in colours only.
    rules = {"type": "tag", "values": tags} if theme == "light" else ["color-contrast"]
    for name, path in PAGES.items():
        page = visitor.go(path.format(id=article_id(archive)))
        result = axe.run(page, options={"runOnly": rules})
        found += [
            f"{name}: {each['id']} {each['nodes'][0]['html'][:200]}"
            for each in result.response["violations"]
        ]
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            found.append(f"{name}: {wide} px wide")
        if (
            picture := f"{name}-{width}-{theme}.png"
        ) in shown and "NEWSGREP_PICTURES" in os.environ:
            page.screenshot(
                path=REPOSITORY / "docs" / "pictures" / picture,
                clip={"x": 0, "y": 0, "width": width, "height": min(height, 640)},
            )
    visitor.close()
    assert found == []
