"""Every page in a real browser: nothing from outside, no error, nothing that does not fit; light, dark and printed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.unit.cost_reports.render.browser.pages import all_pages

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FOUND = next((path for name in BROWSERS if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(
    FOUND is None, reason=f"no browser here ({', '.join(BROWSERS)}); install Debian's package chromium to run this"
)
WIDTHS = (390, 1280)
#: Texts whose contrast with what is behind them is below 3 (WCAG, large text and graphics), and how much it is.
FAINT = """() => {
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    return 0.2126 * x + 0.7152 * y + 0.0722 * z
  }
  const parts = text => text.match(/[\\d.]+/g).map(Number)
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const colour = parts(getComputedStyle(e).backgroundColor)
      if (colour.length < 4 || colour[3] > 0) return colour.slice(0, 3)
    }
    return [255, 255, 255]
  }
  const faint = []
  for (const e of document.querySelectorAll('h1,h2,h3,p,li,td,th,caption,svg text')) {
    const style = getComputedStyle(e)
    const ink = parts(e.closest('svg') ? style.fill : style.color).slice(0, 3)
    const [a, b] = [light(ink), light(behind(e))].sort((m, n) => n - m)
    const contrast = (a + 0.05) / (b + 0.05)
    if (contrast < 3) faint.push(`${contrast.toFixed(1)} ${e.tagName} ${e.textContent.slice(0, 40)}`)
  }
  return faint
}"""
#: Texts of a chart that reach beyond its edge or lie on one another.
CROWDED = """() => {
  const found = []
  for (const svg of document.querySelectorAll('svg')) {
    const edge = svg.getBoundingClientRect()
    const texts = [...svg.querySelectorAll('text')].map(e => [e.textContent, e.getBoundingClientRect()])
    for (const [n, [text, box]] of texts.entries()) {
      if (box.left < edge.left - 1 || box.right > edge.right + 1 || box.bottom > edge.bottom + 1)
        found.push(`${text} is cut`)
      for (const [other, its] of texts.slice(n + 1)) {
        const wide = Math.min(box.right, its.right) - Math.max(box.left, its.left)
        const high = Math.min(box.bottom, its.bottom) - Math.max(box.top, its.top)
        if (wide > 1 && high > 4) found.push(`${text} lies on ${other}`)
      }
    }
  }
  return found
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """The one page of the one browser: another page is another process, which takes as long as a test."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=FOUND, args=["--no-sandbox"])
        yield started.new_page()
        started.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    written = {name: folder / f"{name}.html" for name in NAMES}
    for name, page in all_pages().items():
        written[name].write_text(page, encoding="utf-8")
    return written


NAMES = ("spend", "spend-no-data", "run", "estimate")


class Watched:
    """A page, with everything that it asked for and complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.listeners = {
            "request": lambda request: self.requests.append(request.url),
            "console": lambda message: self.complaints.append(message.text),
            "pageerror": lambda error: self.complaints.append(str(error)),
        }


@pytest.fixture
def watched(page: Page) -> Iterator[Watched]:
    """The page as a new one would be: blank, lit, on a screen, and only this test listens."""
    page.goto("about:blank")
    page.emulate_media(media="screen", color_scheme="light")
    page.set_viewport_size({"width": 1280, "height": 720})
    made = Watched(page)
    for event, listener in made.listeners.items():
        page.on(event, listener)
    yield made
    for event, listener in made.listeners.items():
        page.remove_listener(event, listener)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_whole_at_every_width_in_every_light(name: str, files: dict[str, Path], watched: Watched) -> None:
    page, address = watched.page, files[name].as_uri()
    page.goto(address)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            where = f"{name}, {scheme}, {width} px"
            assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), where
        assert page.evaluate(FAINT) == [], f"{name}, {scheme}"
    assert page.evaluate(CROWDED) == [], name
    assert watched.requests == [address]
    assert watched.complaints == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_prints(name: str, files: dict[str, Path], watched: Watched) -> None:
    page = watched.page
    page.goto(files[name].as_uri())
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 1050, "height": 1400})
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")
    if name == "spend":  # making a PDF takes as long as all the other checks
        assert page.pdf(format="A4", landscape=True).startswith(b"%PDF")


def test_dark_is_dark(files: dict[str, Path], watched: Watched) -> None:
    page = watched.page
    page.goto(files["spend"].as_uri())
    colours = {}
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours[scheme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colours == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 23, 26)"}


def test_the_check_notices_what_is_wrong(tmp_path: Path, watched: Watched) -> None:
    broken = tmp_path / "broken.html"
    broken.write_text(
        '<body style="background:#fff"><p style="color:#eee;width:2000px">x</p><img src="http://127.0.0.1:1/x.png">'
        '<svg width="90" height="20"><text x="80" y="12">too long</text><text x="80" y="12">twice</text></svg>'
        "<script>missing()</script>",
        encoding="utf-8",
    )
    watched.page.goto(broken.as_uri())
    watched.page.set_viewport_size({"width": 390, "height": 900})
    assert watched.page.evaluate("document.scrollingElement.scrollWidth > innerWidth")
    assert len(watched.page.evaluate(FAINT)) == 1
    assert "too long lies on twice" in watched.page.evaluate(CROWDED)
    assert "http://127.0.0.1:1/x.png" in watched.requests
    assert any("missing is not defined" in complaint for complaint in watched.complaints)
