"""Headless Chromium for the tests that move a real page. Debian's chromium, or any Chrome that is installed."""

import os
import shutil
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW = "the browser tests need Chromium: apt-get install chromium, or name one in CHROMIUM=/path/to/chrome"


def executable():
    """The path of a Chromium: $CHROMIUM, or the first of NAMES on the path; None if there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def needed():
    """Skip the test where there is no Chromium, and say how to have it; in CI that is a failure."""
    if executable() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(HOW)


@contextmanager
def chromium(**context):
    """A new browser context (a page's cookies and cache of its own). context: options of playwright's new_context."""
    needed()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        browser = play.chromium.launch(executable_path=executable(), args=options)
        try:
            yield browser.new_context(**context)
        finally:
            browser.close()
