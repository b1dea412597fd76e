"""JupyterHub on one machine: see README.md beside it, which also says how to install.

jupyterhub --config deploy/jupyterhub_config.py

Three things lie apart: the course (read-only, one for all), each student's home, and the hub's own state. The proxy is
a process of its own and servers outlive the hub, so that a restart of the hub disturbs nobody.
"""

import os
import sys
from pathlib import Path

COURSE = Path(os.environ.get("COURSE", Path(__file__).resolve().parents[1]))
STATE = Path(os.environ.get("HUB_STATE", "/srv/jupyterhub"))
BIN = Path(sys.prefix) / "bin"

c = get_config()  # noqa: F821  (JupyterHub gives it)
c.JupyterHub.bind_url = "http://127.0.0.1:8000"  # TLS is the business of the web server in front
c.JupyterHub.hub_bind_url = "http://127.0.0.1:8081"
c.JupyterHub.db_url = f"sqlite:///{STATE}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = str(STATE / "cookie_secret")
c.JupyterHub.cleanup_servers = False
c.ConfigurableHTTPProxy.should_start = False  # its token is CONFIGPROXY_AUTH_TOKEN, for both
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:8001"

# Who may log in: the machine's own accounts, those of the group "students".
c.JupyterHub.authenticator_class = "pam"
c.LocalAuthenticator.allowed_groups = {"students"}

# One server a student, in a unit of its own that cannot take the others' memory. Measured numbers: README.md.
c.JupyterHub.spawner_class = "systemd"
c.SystemdSpawner.mem_limit = "3G"  # server 0.1, two open notebooks of up to 1.45
c.SystemdSpawner.cpu_limit = 2.0
c.SystemdSpawner.isolate_tmp = True
c.SystemdSpawner.readonly_paths = [str(COURSE)]
c.Spawner.cmd = [str(COURSE / "deploy/start-student.sh"), str(BIN / "jupyterhub-singleuser")]
c.Spawner.args = ["--KernelManager.transport=ipc"]  # ports would be drawn twice where many start at once
c.Spawner.default_url = "/lab/tree/inside-convnets/00_start_here.ipynb"
c.Spawner.start_timeout = c.Spawner.http_timeout = 180  # thirty at once on few cores
c.Spawner.environment = {
    "COURSE": str(COURSE),
    "OMP_NUM_THREADS": "1",  # before torch loads: thirty kernels with a thread for each core would stop each other
    "OMP_WAIT_POLICY": "PASSIVE",
    "JUPYTER_CONFIG_PATH": str(
        COURSE / "tools/jupyter"
    ),  # a kernel whose notebook is closed ends after 20 minutes
}

# A server that nobody has used for an hour ends; what was saved stays.
c.JupyterHub.services = [
    {"name": "cull", "command": [sys.executable, "-m", "jupyterhub_idle_culler", "--timeout=3600"]}
]
c.JupyterHub.load_roles = [
    {
        "name": "cull",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["cull"],
    }
]
