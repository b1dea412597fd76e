"""Start JupyterLab on notebook 00, with no dialog in the way: what `make lab` runs.

python tools/lab.py [options of jupyter lab]
"""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import zmq

ROOT = Path(__file__).resolve().parents[1]
FIRST = Path("notebooks/00_start_here.ipynb")
# A fresh JupyterLab asks whether it may fetch news. The setting that answers it is per user;
# turning the extension off is per environment, and so leaves the user's other JupyterLabs alone.
ANNOUNCEMENTS = "@jupyterlab/apputils-extension:announcements"


def turn_off_news(prefix=sys.prefix):
    """Disable the announcements extension in this environment, keeping what else is set there.

    Where the environment is read-only nothing is written, and JupyterLab asks once.
    """
    config = Path(prefix) / "etc/jupyter/labconfig/page_config.json"
    settings = json.loads(config.read_text()) if config.exists() else {}
    disabled = settings.setdefault("disabledExtensions", {})
    if disabled.get(ANNOUNCEMENTS) is not True:
        disabled[ANNOUNCEMENTS] = True
        with suppress(OSError):
            config.parent.mkdir(parents=True, exist_ok=True)
            config.write_text(json.dumps(settings, indent=2) + "\n")


def command(options):
    """The jupyter lab command line: localhost, with its token, opening notebook 00. Options given win."""
    page = f"/lab/tree/{FIRST.as_posix()}" if (ROOT / FIRST).exists() else "/lab"
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


if __name__ == "__main__":
    turn_off_news()
    print("JupyterLab is starting; Ctrl-C here stops it.", flush=True)
    args = command(sys.argv[1:])
    os.environ.setdefault(
        "OMP_WAIT_POLICY", "PASSIVE"
    )  # two kernels at once share the cores: see lecture_utils
    os.chdir(ROOT)
    if os.name == "nt":  # there execv does not quote "C:\\Users\\Jane Doe"
        sys.exit(subprocess.call(args))
    os.execv(args[0], args)
