"""The doctor finds each planted fault, says what to do, and says the same everywhere when all is well."""

import importlib
import os
import subprocess
import sys
import textwrap
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from experiments import manifest, photographs
from experiments.files import write_json
from experiments.train import gallery
from experiments.training import save
from lecture_utils import doctor as notebooks_doctor, models
from tools import doctor

ROOT = Path(__file__).resolve().parents[1]
ITEMS = [item for item, *_ in doctor.CHECKS]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A whole data folder: a few pictures, untrained weights, and the manifest."""
    folder = tmp_path_factory.mktemp("data")
    gallery.write(folder, count=1, threads=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INSIDE_CONVNETS_DATA", str(folder))
        for name in models.NETS:
            save(models.build(name).state_dict(), folder / f"weights/{name}.safetensors")
        (folder / "photographs").mkdir()
        write_json(folder / photographs.TABLE, {"photographs": photographs.table()})
        manifest.write()
    return folder


@pytest.fixture
def healthy(made, tmp_path, monkeypatch):
    """A machine on which all is well, to be spoilt; the result is its data folder, a copy."""
    folder = tmp_path / "data"
    subprocess.run(["cp", "-r", made, folder], check=True)
    monkeypatch.setenv("INSIDE_CONVNETS_DATA", str(folder))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(doctor, "cores", lambda: 4)
    monkeypatch.setattr(doctor, "memory", lambda: 16 * 10**9)
    monkeypatch.setattr(doctor, "free_memory", lambda: None)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**10))
    return folder


def spoil_module(monkeypatch, name, replacement):
    """Importing `name` gives the replacement, or raises it."""
    real = importlib.import_module

    def spoilt(wanted, *rest):
        if wanted != name:
            return real(wanted, *rest)
        if isinstance(replacement, Exception):
            raise replacement
        return replacement

    monkeypatch.setattr(doctor.importlib, "import_module", spoilt)


def no_numba(patch, folder):
    spoil_module(patch, "lecture_utils.world", ImportError("No module named 'numba'"))


def mixed_pair(patch, folder):
    def fails():
        raise RuntimeError("operator torchvision::nms does not exist\nand ten more lines")

    patch.setattr(doctor, "_nms", fails)


def black_renderer(patch, folder):
    black = SimpleNamespace(image=np.zeros((3, 24, 24)), objects=np.ones((24, 24)))
    scene = SimpleNamespace(render=lambda size: black)
    spoil_module(patch, "lecture_utils.world", SimpleNamespace(sample_scene=lambda *_, **__: scene))


def moved_folder(patch, folder):
    patch.setattr(doctor, "ROOT", folder.parent)
    (folder.parent / "pyproject.toml").write_text('[project]\ndependencies = ["numba>=0.61"]')


def no_cache(patch, folder):
    (folder.parent / "file").write_text("in the way")
    patch.setenv("NUMBA_CACHE_DIR", str(folder.parent / "file" / "cache"))


def two_damaged_pictures(patch, folder):
    for pattern in ("toyworld/masks/single/*/*.png", "toyworld/pairs/*.jpg"):
        for path in folder.glob(pattern):
            path.write_bytes(bytes(len(path.read_bytes())))


def full_disk(patch, folder):
    patch.setattr(doctor.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**8))


def other_nets_weights(patch, folder):
    path = folder / "weights/zf.safetensors"
    path.write_bytes((folder / "weights/alex.safetensors").read_bytes())
    manifest.write()


def weights_that_overflow(patch, folder):
    net = models.build("alex")
    with torch.no_grad():
        net.fc8.weight.fill_(float("nan"))
    save(net.state_dict(), folder / "weights/alex.safetensors")
    manifest.write()


def lost_photograph(patch, folder):
    real = doctor.importlib.import_module("lecture_utils.photographs")
    lost = SimpleNamespace(table=real.table, open_image=real.open_image)
    lost.shipped_file = lambda name: folder / "cat.png" if name == "cat" else real.shipped_file(name)
    spoil_module(patch, "lecture_utils.photographs", lost)


def version(package, version):
    """metadata.version(package) gives another version, or says that it is missing (None)."""
    real = metadata.version

    def spoilt(name):
        if name == package and version is None:
            raise metadata.PackageNotFoundError(name)
        return version if name == package else real(name)

    return lambda patch, folder: patch.setattr(doctor.metadata, "version", spoilt)


def without(pattern):
    return lambda patch, folder: next(folder.glob(pattern)).unlink()


def attribute(name, value):
    return lambda patch, folder: patch.setattr(doctor, name, value)


INSTALL = "make install"
FAULTS = [  # (what is planted, lines of the report that must find it, words of the advice)
    (attribute("sys", SimpleNamespace(version_info=(3, 10, 4))), [0], ["Python 3.10", "3.11"]),
    (version("scipy", None), [1], ["scipy is missing", INSTALL]),
    (version("scikit-learn", "1.5.2"), [1], ["scikit-learn is 1.5.2, expected >=1.6", INSTALL]),
    (moved_folder, [1], ["lecture_utils is that of", "moved or copied", INSTALL]),
    (mixed_pair, [2], ["operator torchvision::nms does not exist", "CPU build", "pip uninstall", INSTALL]),
    (black_renderer, [3], ["draws no elephant", "make test"]),
    (no_numba, [3], ["No module named 'numba'"]),
    (no_cache, [4], ["NUMBA_CACHE_DIR", "cannot be written"]),
    (without("toyworld/single/*/*.jpg"), [5], [".jpg is missing", "git checkout"]),
    (two_damaged_pictures, [5], ["is damaged", "more: `python -m experiments manifest`"]),
    (without("MANIFEST.json"), [5, 6, 8], ["MANIFEST.json is missing", "git checkout"]),
    (other_nets_weights, [6], ["'zf' belong to another version", "experiments classifier zf"]),
    (weights_that_overflow, [6], ["'alex' give scores that are no numbers", "git checkout"]),
    (version("jupyterlab_widgets", "1.1.7"), [7], ["ipywidgets 8 needs jupyterlab_widgets 3", INSTALL]),
    (version("jupyterlab", None), [7], ["jupyterlab is missing", "Colab or VS Code", INSTALL]),
    (version("torch", "2.8.1"), [1], ["torch is 2.8.1, expected >=2.9", INSTALL]),
    (lost_photograph, [8], ["not open_lab('imagenet'): no cat", INSTALL]),
    (attribute("cores", lambda: 1), [9], ["1 core"]),
    (attribute("memory", lambda: 2 * 10**9), [9], ["2.0 GB", "close other"]),
    (attribute("free_memory", lambda: 10**9), [10], ["1.0 GB of memory are free", "shut down the kernels"]),
    (full_disk, [10], ["0.1 GB are free on the disk", "make room"]),
]


def test_all_is_well_and_every_check_has_a_fault_that_it_finds(healthy, capsys):
    assert doctor.report() is True
    said = [*(f"✓ {item}" for item in ITEMS), "All is well."]
    assert capsys.readouterr().out.splitlines() == said
    assert {line for _, lines, _ in FAULTS for line in lines} == set(range(len(ITEMS)))


def test_the_notebooks_report_is_that_of_the_tool(tmp_path, monkeypatch):
    (tmp_path / "doctor.py").write_text("def report():\n    return 'asked'")
    monkeypatch.setattr(notebooks_doctor, "CHECKS", tmp_path / "doctor.py")
    assert notebooks_doctor.report() == "asked"
    monkeypatch.setattr(notebooks_doctor, "CHECKS", tmp_path / "nothing.py")
    with pytest.raises(FileNotFoundError, match="whole repository"):
        notebooks_doctor.report()


@pytest.mark.parametrize(("plant", "lines", "words"), FAULTS)
def test_each_planted_fault_is_found(healthy, monkeypatch, capsys, plant, lines, words):
    plant(monkeypatch, healthy)
    findings = doctor.check_all()
    assert [finding.item for finding in findings] == ITEMS
    assert [n for n, finding in enumerate(findings) if not finding.ok] == lines, findings
    advice, fatal = " ".join(findings[line].advice for line in lines), any(findings[n].fatal for n in lines)
    assert all(word in advice for word in words) and "\n" not in advice, advice
    assert doctor.report() is not fatal
    said = capsys.readouterr().out
    assert advice.split(". ")[0] in said and ("✗" in said) == fatal and "All is well" not in said


def test_it_speaks_when_torch_cannot_be_imported(tmp_path):
    """The real thing: a torchvision that fails at import, as a mixed pair does, in a fresh process."""
    (tmp_path / "torchvision").mkdir()
    fails = "raise RuntimeError('operator torchvision::nms does not exist')"
    (tmp_path / "torchvision/__init__.py").write_text(fails)
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    environment = os.environ | {"PYTHONPATH": path, "INSIDE_CONVNETS_DATA": str(tmp_path)}
    options = {"env": environment, "cwd": tmp_path, "capture_output": True, "text": True, "encoding": "utf-8"}
    done = subprocess.run([sys.executable, str(ROOT / "tools/doctor.py")], **options)
    assert done.returncode == 1 and done.stderr == ""
    assert "✗ torch and torchvision belong together" in done.stdout and "CPU build" in done.stdout
    assert "✗ the files in data/ are whole" in done.stdout


def test_it_imports_nothing_that_could_be_broken():
    code = textwrap.dedent("""
        import sys
        before = set(sys.modules)
        import tools.doctor, lecture_utils.doctor
        new = {name.split(".")[0] for name in set(sys.modules) - before}
        assert new <= sys.stdlib_module_names | {"lecture_utils", "tools"}, new
    """)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
