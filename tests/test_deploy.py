"""deploy/: what can be said of it without a cluster, an image builder or systemd; and a small load on a real hub."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from traitlets.config import Config

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
VALUES = yaml.safe_load((DEPLOY / "values.yaml").read_text())
THREADS = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
PROXY = os.environ.get("CONFIGURABLE_HTTP_PROXY") or shutil.which("configurable-http-proxy")


def config():
    """deploy/jupyterhub_config.py as JupyterHub reads it."""
    found = Config()
    exec(
        (DEPLOY / "jupyterhub_config.py").read_text(),
        {"get_config": lambda: found, "__file__": str(DEPLOY / "jupyterhub_config.py")},
    )
    return found


def instructions():
    """(word, rest) of each line of the Dockerfile, long lines joined."""
    joined = re.sub(r"\\\n", " ", DOCKERFILE)
    return [line.split(None, 1) for line in joined.splitlines() if line and line[0] != "#"]


def test_the_image_copies_what_exists_and_belongs_to_root():
    allowed = {
        line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().split() if line[0] == "!"
    }
    copied = [name for word, rest in instructions() if word == "COPY" for name in rest.split()[:-1]]
    assert len(copied) > 8 and "--chown" not in DOCKERFILE and "chmod" not in DOCKERFILE
    for name in copied:
        assert (ROOT / name).exists() and name in allowed, name
    needed = {
        path.name for path in ROOT.iterdir() if path.name in {"data", "notebooks", "lecture_utils", "tools"}
    }
    assert needed <= set(copied)


def test_the_image_does_not_run_as_root_and_its_home_is_no_part_of_the_course():
    users = [(n, rest) for n, (word, rest) in enumerate(instructions()) if word == "USER"]
    (place, user), last_run = users[-1], max(n for n, (word, _) in enumerate(instructions()) if word == "RUN")
    assert place > last_run and user == str(VALUES["singleuser"]["uid"]) != "0"
    assert f"--uid {user} " in DOCKERFILE
    homes = [rest for word, rest in instructions() if word == "WORKDIR"]
    assert homes == ["/opt/course", "/srv/student"]
    assert VALUES["singleuser"]["storage"]["homeMountPath"] == homes[-1]


def gigabytes(text):
    return float(text.removesuffix("Gi").removesuffix("G"))


def test_the_chart_guarantees_what_was_measured_and_caps_threads():
    user = VALUES["singleuser"]
    assert 1.5 <= gigabytes(user["memory"]["guarantee"]) < gigabytes(user["memory"]["limit"])
    assert 0 < user["cpu"]["guarantee"] < user["cpu"]["limit"]
    assert user["extraEnv"] == THREADS and VALUES["cull"]["enabled"]
    script = ROOT / Path(user["cmd"][0]).relative_to("/opt/course")
    assert os.access(script, os.X_OK)
    assert json.dumps(user["cmd"]) == dict(instructions())["CMD"]
    for name, value in THREADS.items():
        assert f"{name}={value}" in DOCKERFILE


def test_the_hub_of_one_machine(monkeypatch):
    monkeypatch.delenv("COURSE", raising=False)
    found = config()
    script, server = found.Spawner.cmd
    assert os.access(script, os.X_OK) and Path(server).name == "jupyterhub-singleuser"
    assert found.Spawner.environment.items() >= THREADS.items()
    assert found.Spawner.environment["JUPYTER_CONFIG_PATH"] == str(ROOT / "tools/jupyter")
    assert found.SystemdSpawner.readonly_paths == [str(ROOT)]
    assert gigabytes(found.SystemdSpawner.mem_limit) == gigabytes(VALUES["singleuser"]["memory"]["limit"])
    assert found.JupyterHub.cleanup_servers is False and found.ConfigurableHTTPProxy.should_start is False
    assert found.JupyterHub.bind_url.startswith("http://127.0.0.1:")
    assert found.Spawner.args == ["--KernelManager.transport=ipc"]  # 22 at once drew two ports twice
    assert found.Spawner.default_url.endswith(VALUES["singleuser"]["defaultUrl"])


@pytest.mark.skipif(os.name == "nt", reason="a shell script")
def test_a_student_starts_with_a_copy_and_keeps_what_was_changed(tmp_path):
    course, home, programs = (tmp_path / name for name in ("course", "home", "bin"))
    for folder in (course / "tools", course / "notebooks", course / ".cache/numba/world_1", home, programs):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / "tools/student.py", course / "tools")
    name = "00_start_here.ipynb"
    cell = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "hello"}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (course / "notebooks" / name).write_text(json.dumps(notebook))
    (course / ".cache/numba/world_1/kernel.nbi").write_text("compiled")
    (programs / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (programs / "server").write_text(
        '#!/bin/sh\necho "$PWD|$NUMBA_CACHE_DIR|$JUPYTER_RUNTIME_DIR|$PYTHONPATH|$*"\n'
    )
    for program in programs.iterdir():
        program.chmod(0o755)
    before = sorted(course.rglob("*"))
    variables = {
        "HOME": str(home),
        "COURSE": str(course),
        "PATH": os.environ["PATH"],
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def start():
        line = [str(DEPLOY / "start-student.sh"), str(programs / "server"), "--port=1", "two words"]
        said = subprocess.check_output(line, env=variables, text=True).splitlines()[-1]
        assert said == f"{home}|{home}/.cache/numba|{home}/.run|{course}|--port=1 two words"

    start()
    copy = home / "inside-convnets" / name
    assert json.loads(copy.read_text())["cells"][0]["source"] == ["hello"]
    assert (home / ".cache/numba/world_1/kernel.nbi").read_text() == "compiled"
    copy.write_text(copy.read_text().replace("hello", "mine"))
    notebook["cells"][0]["source"] = "hello, again"
    (course / "notebooks" / name).write_text(json.dumps(notebook))
    start()
    assert "mine" in copy.read_text() and "again" in copy.with_suffix(".new.ipynb").read_text()
    assert sorted(course.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.skipif(
    PROXY is None or not all(map(importlib.util.find_spec, ("jupyterhub", "aiohttp"))),
    reason='needs pip install -e ".[hub]" and the npm package configurable-http-proxy',
)
def test_two_students_lose_nothing_on_a_real_hub(tmp_path):
    found = tmp_path / "result.json"
    line = [sys.executable, str(ROOT / "tools/hub_load.py"), "--users=2", "--kill=1", f"--proxy={PROXY}"]
    said = subprocess.run([*line, f"--json={found}"], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    result = json.loads(found.read_text())
    assert result["finished"] == 2 and result["killed"] == 1 and result["lost"] == result["faults"] == []


def test_binder_installs_what_is_tested_and_gives_each_kernel_one_thread(tmp_path):
    folder = ROOT / "binder"
    assert yaml.safe_load((folder / "environment.yml").read_text())["dependencies"] == ["python=3.12", "pip"]
    assert all(os.access(folder / name, os.X_OK) for name in ("postBuild", "start"))

    # What postBuild calls, written down by a python that does nothing else.
    (tmp_path / "python").write_text('#!/bin/sh\nprintf "%s\\n" "$*" >> "$LOG"\n')
    (tmp_path / "python").chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "LOG": str(tmp_path / "log")}
    subprocess.run([folder / "postBuild"], cwd=ROOT, env=os.environ | path, check=True)
    uv, packages, itself, compiled = (tmp_path / "log").read_text().splitlines()
    assert re.fullmatch(r"-m pip install --quiet uv==[\d.]+", uv)
    assert f"--python {tmp_path}/python --torch-backend cpu --constraints requirements.lock" in packages
    assert itself.endswith("--no-deps --no-build-isolation --editable .") and "sample_scene" in compiled

    line = [folder / "start", "sh", "-c", "echo $OMP_NUM_THREADS $OMP_WAIT_POLICY $JUPYTER_CONFIG_PATH"]
    said = subprocess.run(line, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    assert said == [*THREADS.values(), str(ROOT / "tools/jupyter")]
