"""Start JupyterLab on the student's copy of notebook 00, with no dialog in the way: what `make lab` runs.

python tools/lab.py [--torch cpu] [options of jupyter lab]

Works without `make`, too: what is missing is installed first (see tools/install.py). Settings come from tools/jupyter,
so that nothing is written into the environment: no news, and a kernel whose notebook is closed ends after 20 minutes.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

if __package__:
    from . import install
else:
    import install

ROOT = Path(__file__).resolve().parents[1]
FIRST = Path("00_start_here.ipynb")
NEEDED = ("jupyterlab", "ipywidgets", "torch", "lecture_utils")
# What writes below the home folder, and the variable that leads it elsewhere.
HOMES = {
    "JUPYTER_CONFIG_DIR": ".jupyter",
    "JUPYTER_DATA_DIR": ".local/share/jupyter",
    "JUPYTER_RUNTIME_DIR": ".local/share/jupyter/runtime",
    "IPYTHONDIR": ".ipython",
    "MPLCONFIGDIR": ".config/matplotlib",
    "NUMBA_CACHE_DIR": ".cache/numba",
    "INSIDE_CONVNETS_CACHE": ".cache/inside-convnets",
}


def command(options):
    """The jupyter lab command line: localhost, with its token, opening notebook 00. Options given win."""
    import zmq

    first = [folder for folder in ("work", "notebooks") if (ROOT / folder / FIRST).exists()]
    page = f"/lab/tree/{first[0]}/{FIRST}" if first else "/lab"
    line = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--ServerApp.ip=localhost",
        f"--ServerApp.root_dir={ROOT}",
        f"--LabApp.default_url={page}",
        "--log-level=WARN",  # leaves the address in the terminal, and little else
    ]
    if zmq.has("curve"):  # else each kernel warns that it could be overheard
        line.append("--KernelManager.transport_encryption=auto")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        line.append("--allow-root")
    return line + list(options)


def environment(given):
    """The variables that JupyterLab and its kernels get on top of those given: {name: value}.

    given: os.environ. Where the home folder cannot be written, all that would write there goes to a temporary one.
    """
    path = os.pathsep.join(filter(None, [str(ROOT / "tools/jupyter"), given.get("JUPYTER_CONFIG_PATH")]))
    # two kernels at once share the cores: see lecture_utils
    more = {"JUPYTER_CONFIG_PATH": path, "OMP_WAIT_POLICY": given.get("OMP_WAIT_POLICY", "PASSIVE")}
    if not writable(Path(given.get("HOME", Path.home()))):
        folder = Path(tempfile.mkdtemp(prefix="inside-convnets-"))
        print(f"The home folder cannot be written: settings and caches go to {folder}.", flush=True)
        more |= {name: str(folder / place) for name, place in HOMES.items() if name not in given}
    return more


def copy_notebooks():
    """Make the student's copy where there is none; where that cannot be, the stored notebooks are opened."""
    try:
        subprocess.run([sys.executable, str(ROOT / "tools/student.py")], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        print(
            "No copy of the notebooks could be made in work/: what you do in them cannot be saved.",
            flush=True,
        )


def writable(folder):
    """Whether a file can be made in the folder."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def start(options):
    """Install what is missing, then become JupyterLab."""
    torch = ""
    if options[:1] == ["--torch"]:
        torch, options = "".join(options[1:2]), options[2:]
    here = Path(sys.prefix) == install.VENV
    alone = not here and not all(importlib.util.find_spec(name) for name in NEEDED)
    if here or alone:
        install.install(torch=torch)
    if alone:
        args = [str(install.PYTHON), __file__, *options]
    else:  # in .venv, or in an environment of one's own, as with conda
        copy_notebooks()
        args = command(options)
        os.environ.update(environment(os.environ))
        print("JupyterLab is starting; Ctrl-C here stops it.", flush=True)
    os.chdir(ROOT)
    if os.name == "nt":  # there execv does not quote "C:\\Users\\Jane Doe"
        sys.exit(subprocess.call(args))
    os.execv(args[0], args)


if __name__ == "__main__":
    start(sys.argv[1:])
