"""Debian's Chromium without a window, driven by Selenium with Debian's chromedriver: nothing is downloaded."""

import base64
import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"


def need_browser():
    """Skip the test where there is no browser or nothing to drive it."""
    for path, package in ((CHROMIUM, "chromium"), (DRIVER, "chromium-driver")):
        if not shutil.which(path):
            pytest.skip(f"no {path}: apt-get install {package}")
    pytest.importorskip("selenium", reason="no selenium: pip install 'rnnexp[browser]'")


@contextmanager
def browser(monkeypatch):
    """Start a browser; yield its driver. It knows no proxy, and no name of another machine."""
    from selenium import webdriver

    monkeypatch.setenv("SE_OFFLINE", "true")
    monkeypatch.setenv("SE_AVOID_STATS", "true")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
    ):
        options.add_argument(flag)
    options.add_argument("--disable-background-networking")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def resize(driver, width, height=900):
    """Make the window as wide as a device, in CSS pixels."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def requests(driver):
    """The addresses that the page asked for since the last call."""
    said = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [m["params"]["request"]["url"] for m in said if m["method"] == "Network.requestWillBeSent"]


def print_a4(driver, path: Path):
    """Print the page to a PDF, as large as its style says."""
    printed = driver.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": True})
    path.write_bytes(base64.b64decode(printed["data"]))


def screenshot(driver, path: Path):
    """Take a picture of the whole page."""
    taken = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "format": "png"})
    path.write_bytes(base64.b64decode(taken["data"]))
