"""The project's own files agree with each other, and work on somebody else's machine."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tools import lab

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()

# Written in pieces, so that this file does not find itself.
MACHINE = [
    r"(?<![\w.~+/])/(home|root|Users|work|workspace)" + r"/\w",  # somebody's own folders
    r"\.\./" + "shared",
    r"(pypi|python" + r"hosted|conda\.anaconda)\.org",  # package registries
    r"download\.py" + r"torch\.org",
    r"\b(artif" + r"actory|ne" + r"xus|dev" + r"pi)\b",
    r"--(extra-)?index" + "-url|--find" + "-links",
]
ALLOWED = {"Makefile": {r"--(extra-)?index" + "-url|--find" + "-links"}}  # make lock switches them off


def name_of(requirement):
    """'torch==2.15.0' -> 'torch'; names are compared as packaging does."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement).group()).lower()


def tracked_files():
    """Files that belong to the project, without binaries; also outside git (a downloaded archive)."""
    git = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(git, cwd=ROOT, capture_output=True, text=True)
    if listing.returncode == 0:
        paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    else:
        paths = [path for path in ROOT.rglob("*") if not {".venv", "__pycache__"} & set(path.parts)]
    for path in paths:
        if path.is_file() and path.suffix not in {".png", ".jpg", ".safetensors", ".npz", ".gz"}:
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


def machine_addresses(name, text):
    """What in a text belongs to one machine or one registry: a list of (line number, what)."""
    patterns = [re.compile(pattern) for pattern in MACHINE if pattern not in ALLOWED.get(name, ())]
    return [
        (number, match.group())
        for number, line in enumerate(text.splitlines(), 1)
        for pattern in patterns
        if (match := pattern.search(line))
    ]


def test_no_file_names_a_machine_or_a_registry():
    found = [(path, machine_addresses(path.name, text)) for path, text in tracked_files()]
    assert [(path, hits) for path, hits in found if hits] == []


def test_that_test_can_fail_and_lets_ordinary_text_pass():
    bad = [
        "cd /ho" + "me/ann",
        "see ../sh" + "ared/x",
        "py" + "pi.org",
        "--index" + "-url x",
        "/wo" + "rk/main",
    ]
    assert all(machine_addresses("notes.md", "fine\n" + line) for line in bad)
    good = "https://example.org/home/page\na/work/b\ndata/workers.py\n~/home/x"
    assert machine_addresses("notes.md", good) == []


def test_environment_yml_follows_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert environment["name"] == PROJECT["name"]
    assert conda == [f"python{PROJECT['requires-python']}", "pip"]
    assert pip == {"pip": [*PROJECT["dependencies"], "-e ."]}


def test_the_lock_has_every_dependency_and_no_address():
    lines = [line for line in LOCK.splitlines() if line and not line[0].isspace() and line[0] != "#"]
    locked = {name_of(line): line for line in lines}
    optional = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + optional["test"] + optional["dev"]
    assert {name_of(requirement) for requirement in wanted} <= set(locked)
    assert all("==" in line and " @ " not in line for line in locked.values())
    assert "://" not in LOCK and not re.search(r"^\s*-", LOCK, re.MULTILINE)
    for requirement in PROJECT["dependencies"]:
        if "==" in requirement:
            assert locked[name_of(requirement)] == requirement  # torch and torchvision, as a pair


def targets():
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "INSTRUCTORS.md"])
def test_the_pages_name_commands_and_files_that_exist(page):
    text = (ROOT / page).read_text()
    commands = set(re.findall(r"\bmake ([a-z-]+)\b(?=[`\s]*(?:`|$|  |ARGS|NB|#))", text, re.MULTILINE))
    assert commands and commands <= targets()
    for link in re.findall(r"\]\(([^)#:]+)\)|src=\"([^\":]+)\"", text):
        path = "".join(link)
        assert (ROOT / path).exists(), f"{page} links to {path}"


def make_with(python, folder):
    """`make install` in an empty folder, with a shell script in place of Python: (status, output)."""
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (folder / name).write_text((ROOT / name).read_text())
    fake = folder / "python3"
    fake.write_text(f"#!/bin/sh\n{python}\n")
    fake.chmod(0o755)
    outside = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}  # `make test` runs this test
    line = ["make", "install", f"PYTHON={fake}"]
    done = subprocess.run(line, cwd=folder, env=outside, capture_output=True, text=True)
    assert not (folder / ".venv").exists()
    return done.returncode, done.stdout


OLD = f'[ "$1" = -c ] || exit 9; exec {sys.executable} -c "import sys; sys.version_info = (3, 10, 9); $2"'
BARE = f'case "$2" in *ensurepip*) exit 1;; esac; [ "$1" = -c ] || exit 9; exec {sys.executable} "$@"'
NEEDS = "needs Python 3.11 or newer"


@pytest.mark.parametrize(
    ("python", "words"), [(OLD, NEEDS), ("exit 127", NEEDS), (BARE, "ensurepip is missing")]
)
def test_a_python_that_will_not_do_gets_one_sentence(tmp_path, python, words):
    status, shown = make_with(python, tmp_path)
    assert status != 0 and shown.count(words) == 1 and shown.count("\n") == 1


def test_the_lab_asks_no_questions(tmp_path):
    config = tmp_path / "etc/jupyter/labconfig/page_config.json"
    config.parent.mkdir(parents=True)
    config.write_text('{"disabledExtensions": {"other": true}, "theme": "kept"}')
    lab.turn_off_news(tmp_path)
    extensions = {"other": True, lab.ANNOUNCEMENTS: True}
    assert json.loads(config.read_text()) == {"disabledExtensions": extensions, "theme": "kept"}
    (tmp_path / "file").write_text("in the way")
    lab.turn_off_news(tmp_path / "file")  # where nothing can be written it starts all the same


def test_the_lab_stays_at_home_and_passes_options_on(monkeypatch):
    line = lab.command(["--no-browser", "--port", "8899"])
    assert line[-3:] == ["--no-browser", "--port", "8899"]
    assert "--ServerApp.ip=localhost" in line
    assert not any("token" in part or "password" in part for part in line)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "--allow-root" not in lab.command([])
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "--allow-root" in lab.command([])


@pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="concerns workers")
def test_a_file_stays_with_one_worker(request):
    """A notebook's cells need one kernel. pytest-xdist tells a test's group by the end of its name."""
    assert request.node.nodeid.endswith("@test_project.py")
