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

from tools import install, lab

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
    assert pip == {"pip": ["--constraint requirements.lock", *PROJECT["dependencies"], "-e ."]}


def test_the_lock_has_every_dependency_and_no_address():
    lines = [line for line in LOCK.splitlines() if line and not line[0].isspace() and line[0] != "#"]
    locked = {name_of(line): line for line in lines}
    optional = PROJECT["optional-dependencies"]
    wanted = PROJECT["dependencies"] + optional["test"] + optional["dev"]
    assert {name_of(requirement) for requirement in wanted} <= set(locked)
    assert all("==" in line and " @ " not in line for line in locked.values())
    assert "://" not in LOCK and not re.search(r"^\s*-", LOCK, re.MULTILINE)
    pins = [requirement for requirement in PROJECT["dependencies"] if "==" in requirement]
    assert pins == [], "what is there already, such as Colab's torch, stays"


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


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A folder in which nothing is installed yet. Command lines are kept, not run: a list of them."""
    lines = []
    monkeypatch.setattr(install, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(install, "PYTHON", tmp_path / ".venv/bin/python")
    monkeypatch.setattr(install, "STAMP", tmp_path / ".venv/.installed")
    monkeypatch.setattr("venv.create", lambda folder, with_pip: (folder / "bin").mkdir(parents=True))
    monkeypatch.setattr("subprocess.call", lambda line, **rest: lines.append(line))
    return lines


def make_python():
    """The environment's Python is there now, as after `venv`."""
    install.PYTHON.touch()


def test_a_python_that_will_not_do_gets_one_sentence(bare, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(SystemExit, match="ensurepip is missing.*apt install"):
        patch.setitem(sys.modules, "ensurepip", None)
        install.install()
    monkeypatch.setattr(install, "OLDEST", (99,))
    with pytest.raises(SystemExit, match="needs Python 3.11 or newer; .* is older"):
        install.install()
    assert not bare and not install.VENV.exists()


def test_a_machine_without_python_gets_one_sentence():
    outside = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}  # `make test` runs this test
    done = subprocess.run(
        ["make", "install", "PYTHON="], cwd=ROOT, env=outside, capture_output=True, text=True
    )
    assert done.returncode and done.stdout.count("\n") == 1 and "needs Python 3.11 or newer" in done.stdout


def test_the_course_is_installed_without_the_tools_and_only_once(bare, capsys):
    install.install()
    make_python()
    uv, packages, itself = (" ".join(line) for line in bare)
    assert re.search(r"-m pip install .*uv==[\d.]+$", uv)
    assert f"--constraints {ROOT / 'requirements.lock'}" in packages and "--extra" not in packages
    assert "--torch-backend" not in packages and itself.endswith(
        f"--no-deps --no-build-isolation --editable {ROOT}"
    )
    assert "6 GB" in capsys.readouterr().out
    install.install()
    assert len(bare) == 3 and not capsys.readouterr().out
    install.install(tools=True)
    assert "--extra test --extra dev" in " ".join(bare[4])
    install.install()  # what is there stays
    assert len(bare) == 6


def test_a_torch_without_cuda_is_asked_for_by_name(bare, capsys):
    install.install(torch="cpu")
    make_python()
    assert "--torch-backend cpu" in " ".join(bare[1]) and "2 GB" in capsys.readouterr().out
    install.install(tools=True)
    assert "--torch-backend cpu" in " ".join(bare[4])  # the choice is remembered


def test_an_installation_that_stopped_goes_on_and_a_moved_folder_is_put_right(bare, monkeypatch, capsys):
    with monkeypatch.context() as patch, pytest.raises(SystemExit, match="The same command goes on"):
        patch.setattr("subprocess.call", lambda line, **rest: 1)
        install.install()
    make_python()
    install.install()
    assert len(bare) == 3
    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr("subprocess.call", lambda line, **rest: 1)
        install.install(tools=True)
    assert not install.STAMP.exists()  # half of an update may be there
    install.install()
    del bare[3:]
    stamp = json.loads(install.STAMP.read_text())
    install.STAMP.write_text(json.dumps(stamp | {"folder": "/elsewhere"}))
    capsys.readouterr()
    install.install()
    assert len(bare) == 4 and "--editable" in bare[3] and "was /elsewhere once" in capsys.readouterr().out
    install.STAMP.write_text("not json")
    install.install()
    assert len(bare) == 7


def test_a_clone_on_windows_is_whole(tmp_path):
    """Git there turns line ends into \\r\\n where nobody forbids it."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a clone")
    files = [
        ".gitattributes",
        "data/weights/alex.json",
        "data/results",
        "Makefile",
        ".ci/run",
        "notebooks/00_start_here.ipynb",
    ]
    line = ["git", "-c", "core.autocrlf=true", f"--work-tree={tmp_path}", "checkout", "HEAD", "--", *files]
    subprocess.run(line, cwd=ROOT, check=True, env=os.environ | {"GIT_INDEX_FILE": str(tmp_path / "index")})
    found = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "index"]
    assert len(found) > 20
    for path in found:
        stored = ["git", "show", f"HEAD:{path.relative_to(tmp_path).as_posix()}"]
        assert path.read_bytes() == subprocess.check_output(stored, cwd=ROOT), path


def test_the_lab_asks_no_questions():
    path = lab.environment({"JUPYTER_CONFIG_PATH": "/mine"})["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert path == [str(ROOT / "tools/jupyter"), "/mine"]
    settings = json.loads((ROOT / "tools/jupyter/labconfig/page_config.json").read_text())
    off = {"@jupyterlab/apputils-extension:announcements", "@jupyterlab/application-extension:faviconbusy"}
    # The tab's icon, drawn anew at each move, costs a drag a fifth of its pictures.
    assert settings == {"disabledExtensions": dict.fromkeys(off, True)}
    settings = json.loads((ROOT / "tools/jupyter/labconfig/default_setting_overrides.json").read_text())
    # The circle of a busy kernel made the page lay out its toolbar anew twice a move; the bar below says the same.
    off = {"name": "executionProgress", "disabled": True}
    assert settings == {"@jupyterlab/notebook-extension:panel": {"toolbar": [off]}}


def test_the_lab_opens_where_the_home_folder_cannot_be_written(tmp_path, capsys):
    assert set(lab.environment({"HOME": str(tmp_path)})) == {"JUPYTER_CONFIG_PATH", "OMP_WAIT_POLICY"}
    given = {"HOME": str(tmp_path / "nowhere"), "IPYTHONDIR": "/mine", "OMP_WAIT_POLICY": "ACTIVE"}
    found = lab.environment(given)
    assert found["OMP_WAIT_POLICY"] == "ACTIVE" and "IPYTHONDIR" not in found
    folder = Path(found["JUPYTER_CONFIG_DIR"]).parent
    assert all(Path(found[name]).is_relative_to(folder) for name in lab.HOMES if name != "IPYTHONDIR")
    assert f"go to {folder}" in capsys.readouterr().out
    folder.rmdir()


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
