"""The page in a real browser: it asks for nothing, sorts, fits phone and desktop, and prints whole."""

import re
import shutil
import subprocess

import pytest

from rnnexp.analysis.command import ComparisonArguments
from rnnexp.analysis.report.write import write_study
from tests.analysis.report.studies import Store, grid, of_seeds, tuned
from tests.analysis.report.test_files import EVIL
from tests.helpers.browser import browser, need_browser, print_a4, requests, resize

pytestmark = pytest.mark.slow
A4_TEXT = 688  # CSS pixels: 210 mm less two margins of 14 mm
# elements that stick out of the window, but where their box scrolls; and texts that lie over each other
OUTSIDE = """
return [...document.querySelectorAll("body *")].filter((element) => {
  const box = element.getBoundingClientRect();
  if (!box.width || element.closest("svg") !== null && element.tagName !== "svg") return false;
  const scroll = element.parentElement.closest(".scroll");
  const isText = element.matches("th, td, p, li, dd, pre, figcaption");
  if (isText && element.scrollWidth > element.clientWidth + 1) return true;
  const shown = scroll && getComputedStyle(scroll).overflowX === "auto" ? scroll.getBoundingClientRect() : null;
  return shown ? shown.right > innerWidth + 1 : box.right > innerWidth + 1 || box.left < -1;
}).map((element) => element.outerHTML.slice(0, 200));
"""
OVERLAPS = """
const blocks = [...document.querySelectorAll(
  "h1, h2, h3, p, figure svg, figcaption, dt, dd, li, summary, pre, th, td, .enlarge")]
  .filter((e) => e.checkVisibility({contentVisibilityAuto: true}) && e.getBoundingClientRect().width)
  .map((e) => [e, e.getBoundingClientRect()]);
const found = [];
for (let i = 0; i < blocks.length; i++) for (let j = i + 1; j < blocks.length; j++) {
  const [a, p] = blocks[i], [b, q] = blocks[j];
  if (a.contains(b) || b.contains(a)) continue;
  const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
  const tall = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
  if (wide > 1 && tall > 1) found.push(a.outerHTML.slice(0, 120) + " OVER " + b.outerHTML.slice(0, 120));
}
return found;
"""


def troubled():
    """A study with a diverged run, failures and names that are attacks."""
    store = of_seeds(4)
    store.add("gru", 4, 1.33, tags={"diverged": "true"})
    return store.add("gru", 5, status="FAILED", tags={"error": EVIL})


def named_badly():
    """A study in which names hold markup, dollars and escapes."""
    store = Store(EVIL)
    for cell in ("lstm", "<b>gru</b> $\\x$ \x1b[31m"):
        for seed in range(3):
            store.add(cell, seed, 1.3)
    return store


STUDIES = {"tuned": tuned, "grid": grid, "troubled": troubled, "named_badly": named_badly}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The pages of several studies, by name."""
    folder = tmp_path_factory.mktemp("pages")
    return {
        name: write_study(make().load(), ComparisonArguments(name, out=str(folder))).folder / "index.html"
        for name, make in STUDIES.items()
    }


@pytest.fixture(scope="module")
def chromium():
    need_browser()
    with pytest.MonkeyPatch.context() as monkeypatch, browser(monkeypatch) as driver:
        yield driver


@pytest.fixture(params=STUDIES)
def page(request, pages, chromium):
    """A browser that shows the page of a study."""
    resize(chromium, 1280)
    chromium.get_log("performance")
    chromium.get(pages[request.param].as_uri())
    return chromium


def test_no_request_leaves_it_and_nothing_is_refused(page):
    assert requests(page) == [page.current_url]
    assert page.get_log("browser") == []  # of the policy's refusals too
    assert page.execute_script("return document.title").endswith(": which cell?")
    assert page.execute_script("return document.scripts.length") == 1


@pytest.mark.parametrize("width", [375, 1280])
def test_nothing_overlaps_or_sticks_out(page, width):
    resize(page, width)
    for opened in (False, True):
        page.execute_script(
            f"document.querySelectorAll('details').forEach((d) => d.open = {str(opened).lower()})"
        )
        assert page.execute_script("return document.documentElement.scrollWidth") <= width
        assert page.execute_script(OUTSIDE) == []
        assert page.execute_script(OVERLAPS) == []


def test_the_text_has_a_measure_of_72_characters(page):
    width = page.execute_script("return document.querySelector('main p').getBoundingClientRect().width")
    zero = page.execute_script(
        "const c = document.createElement('canvas').getContext('2d');"
        "c.font = getComputedStyle(document.body).font; return c.measureText('0').width"
    )
    assert width / zero == pytest.approx(72, abs=1)


def test_a_heading_sorts_the_table(pages, chromium):
    from selenium.webdriver.common.by import By

    resize(chromium, 1280)
    chromium.get(pages["grid"].as_uri())
    headings = chromium.find_elements(By.CSS_SELECTOR, "table.sortable thead th")
    place = [heading.text for heading in headings].index("test perplexity")

    def values():
        rows = chromium.find_elements(By.CSS_SELECTOR, "table.sortable tbody tr")
        return [
            float(row.find_elements(By.CSS_SELECTOR, "th, td")[place].text.split("\n")[0]) for row in rows
        ]

    before = values()
    headings[place].find_element(By.TAG_NAME, "button").click()
    assert values() == sorted(before)
    assert headings[place].get_attribute("aria-sort") == "ascending"
    headings[place].find_element(By.TAG_NAME, "button").click()
    assert values() == sorted(before, reverse=True)
    heads = chromium.find_elements(By.CSS_SELECTOR, "table.sortable tbody th")
    names = ["gru, dropout=0.5", "lstm", "gru, dropout=0.25", "gru, hidden_size=100", "gru, hidden_size=50"]
    assert len(heads) >= len(names)
    for head, name in zip(heads, names + ["z"] * len(heads)):
        chromium.execute_script("arguments[0].textContent = arguments[1]", head, name)
    headings[0].find_element(By.TAG_NAME, "button").click()
    heads = chromium.find_elements(By.CSS_SELECTOR, "table.sortable tbody th")
    in_order = [names[2], names[0], names[4], names[3], names[1]]
    assert [head.text for head in heads][: len(names)] == in_order  # numbers by size, not digit by digit
    assert headings[place].get_attribute("aria-sort") is None


def test_it_prints_to_a4_without_cuts(page, tmp_path):
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        resize(page, A4_TEXT)
        page.execute_script("document.querySelectorAll('details').forEach((d) => d.open = true)")
        assert page.execute_script("return document.documentElement.scrollWidth") <= A4_TEXT
        assert page.execute_script(OUTSIDE) == []
        assert page.execute_script(OVERLAPS) == []
        page.execute_script("document.querySelectorAll('details').forEach((d) => d.open = false)")
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    print_a4(page, tmp_path / "page.pdf")
    if not shutil.which("pdftotext"):
        pytest.skip("no pdftotext: apt-get install poppler-utils")
    sizes = subprocess.run(
        ["pdfinfo", tmp_path / "page.pdf"], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"Page size:\s+59[45](\.\d+)? x 84[12](\.\d+)? pts \(A4\)", sizes)
    text = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "page.pdf", "-"], capture_output=True, text=True
    ).stdout
    assert "rnnexp -m" in text  # the commands, which are folded on the screen
    assert "every run was past its best epoch" in text  # of the checks that passed
    assert "This page again" in text


def test_on_a_phone_a_figure_can_be_enlarged(pages, chromium):
    from selenium.webdriver.common.by import By

    resize(chromium, 375)
    chromium.get(pages["tuned"].as_uri())
    figure = chromium.find_element(By.TAG_NAME, "figure")
    small = figure.find_element(By.TAG_NAME, "svg").size["width"]
    figure.find_element(By.CLASS_NAME, "enlarge").click()
    assert small < 350 < 600 < figure.find_element(By.TAG_NAME, "svg").size["width"]
    assert chromium.execute_script("return document.documentElement.scrollWidth") <= 375
