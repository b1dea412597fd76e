"""Headless Chromium for the tests that move a real page, and a JupyterLab for it to open.

Debian's chromium, or any Chrome that is installed.
"""

import json
import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import pytest

from tools import lab

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HOW = "the browser tests need Chromium: apt-get install chromium, or name one in CHROMIUM=/path/to/chrome"


def executable():
    """The path of a Chromium: $CHROMIUM if that is set, else the first of NAMES on the path; None if none is there."""
    wanted = os.environ.get("CHROMIUM")
    return next(filter(None, map(shutil.which, [wanted] if wanted else NAMES)), None)


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


def quiet(home):
    """The environment of a JupyterLab that knows nothing of the user's: settings, kernels, tokens, caches.

    One torch thread in its kernels, so that several of them and the page get on with each other.
    """
    import matplotlib

    drop = ("JUPYTER", "XDG_", "IPYTHON")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(drop)}
    return environment | {
        "HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_CONFIG_PATH": str(lab.ROOT / "tools/jupyter"),  # as `make lab` does
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "MPLCONFIGDIR": matplotlib.get_configdir(),  # its list of fonts takes seconds to make
        "PYTHONPATH": str(lab.ROOT),
        "OMP_NUM_THREADS": "1",
    }


@contextmanager
def jupyterlab(folder, seconds=60):
    """Start JupyterLab on a folder as `make lab` does; yields a function from a notebook's name to its address.

    Each notebook has a workspace of its own: two tabs in one, and the second reloads itself, with its requests cut off.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        home = Path(home)
        usual = lab.command(["--no-browser", "--ServerApp.port=0"])
        command = [part for part in usual if "root_dir" not in part] + [f"--ServerApp.root_dir={folder}"]
        with open(home / "log", "w") as log:
            options = {"cwd": folder, "env": quiet(home), "stdout": log, "stderr": log}
            server = subprocess.Popen(command, start_new_session=True, **options)
        try:
            deadline = monotonic() + seconds
            while not (found := list(home.glob("runtime/jpserver-*.json"))):
                if server.poll() is not None or monotonic() > deadline:
                    raise RuntimeError(f"JupyterLab did not start:\n{(home / 'log').read_text()[-3000:]}")
                sleep(0.1)
            info = json.loads(found[0].read_text())
            home = f"{info['url']}lab/workspaces"
            yield lambda name: f"{home}/{Path(name).stem}/tree/{name}?token={info['token']}"
        finally:
            server.terminate()  # it ends its kernels, too
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
