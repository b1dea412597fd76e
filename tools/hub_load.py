"""A load test: a real JupyterHub with its proxy on localhost, and students who all come at once.

python tools/hub_load.py --proxy .../configurable-http-proxy [--users 30] [--kill 5] [--json FILE]

Takes deploy/jupyterhub_config.py as it is, but for who logs in (anybody), how servers start (as this user) and where
homes lie (a temporary folder). Each student logs in, starts a server, opens the copy of a notebook, runs its first six
code cells, moves an explorer five times and saves after each step. Then kernels are killed at random and the hub is
restarted, and everybody goes on. At the end each home is compared with what the server last said it had saved.
Needs `pip install -e ".[hub]"` and `npm install configurable-http-proxy`.
"""

import argparse
import asyncio
import json
import os
import random
import secrets
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from urllib.parse import quote

import aiohttp

ROOT = Path(__file__).resolve().parents[1]
FOLDER = "inside-convnets"
MOVES = 5
STAGES = ("when started", "after the setup cell", "after the explorer")
KEPT = ("PYTHONPYCACHEPREFIX", "PYTHONDONTWRITEBYTECODE", "LANG")  # of this environment, for the servers
CONFIG = """
load_subconfig({config!r})
c.JupyterHub.authenticator_class, c.JupyterHub.spawner_class = "dummy", "simple"
c.DummyAuthenticator.password, c.Authenticator.allow_all = {password!r}, True
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r} + "/{{username}}"
c.JupyterHub.bind_url = "http://127.0.0.1:{ports[0]}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{ports[1]}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{ports[2]}"
c.Spawner.args += ["--allow-root"]
c.Spawner.start_timeout = c.Spawner.http_timeout = {patience}
c.Spawner.environment.update({kept!r})
c.JupyterHub.services += [{{"name": "load", "api_token": {token!r}}}]
c.JupyterHub.load_roles += [
    {{"name": "load", "services": ["load"], "scopes": ["admin:users", "admin:servers", "tokens", "access:servers"]}}
]
"""


class Hub:
    """JupyterHub and its proxy as processes of this one. folder: their state, logs, and the homes."""

    def __init__(self, folder, proxy, patience):
        self.folder, self.proxy_program, self.running = folder, proxy, {}
        self.token, self.password, self.secret = (secrets.token_hex(16) for _ in range(3))
        self.session = None  # for whatever shows a token and no cookie
        self.homes, self.ports = folder / "homes", free_ports(3)
        self.url = f"http://127.0.0.1:{self.ports[0]}"
        self.config = folder / "config.py"
        config = str(ROOT / "deploy/jupyterhub_config.py")
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        facts = {
            "kept": kept,
            "config": config,
            "homes": str(self.homes),
            "token": self.token,
            "password": self.password,
        }
        self.config.write_text(CONFIG.format(ports=self.ports, patience=patience, **facts))

    def begin(self, name):
        """Start "proxy" or "hub"; what it says goes to a file beside its state."""
        public, hub, api = self.ports
        lines = {
            "proxy": [self.proxy_program, f"--port={public}", "--ip=127.0.0.1", f"--api-port={api}"]
            + ["--api-ip=127.0.0.1", f"--default-target=http://127.0.0.1:{hub}"]
            + [f"--error-target=http://127.0.0.1:{hub}/hub/error"],
            "hub": [sys.executable, "-m", "jupyterhub", "--config", str(self.config)],
        }
        more = {"HUB_STATE": str(self.folder), "COURSE": str(ROOT), "CONFIGPROXY_AUTH_TOKEN": self.secret}
        with open(self.folder / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                lines[name], cwd=self.folder, env=os.environ | more, stdout=log, stderr=subprocess.STDOUT
            )

    def end(self, name):
        self.running[name].send_signal(signal.SIGTERM)
        self.running[name].wait(120)

    def sweep(self):
        """End what still runs, the students' servers too: the hub would leave them."""
        for name in [name for name, process in self.running.items() if process.poll() is None]:
            self.end(name)
        for pid in [pid for pid, _ in processes() if cwd(pid).startswith(str(self.folder))]:
            os.kill(pid, signal.SIGTERM)

    async def answers(self, patience):
        """Wait until the hub answers through the proxy."""
        for _ in range(4 * patience):
            try:
                async with self.session.get(f"{self.url}/hub/api/") as reply:
                    if reply.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            if self.running["hub"].poll() is not None:
                break
            await asyncio.sleep(0.25)
        raise SystemExit(f"the hub does not answer:\n{(self.folder / 'hub.log').read_text()[-3000:]}")

    async def api(self, method, path, /, **body):
        """The hub's own interface, as the service that watches this test."""
        headers = {"Authorization": f"token {self.token}"}
        where = f"{self.url}/hub/api/{path}"
        async with self.session.request(method, where, headers=headers, json=body or None) as reply:
            reply.raise_for_status()
            return await reply.json() if "json" in reply.headers.get("Content-Type", "") else None


class Student:
    """One user: a browser's session, a server, a kernel, and what the server has promised to keep."""

    def __init__(self, hub, name, notebook, patience):
        self.hub, self.name, self.notebook, self.patience = hub, name, notebook, patience
        self.times, self.saved, self.faults, self.waiting = {}, None, [], {}
        self.session_id, self.sliders = secrets.token_hex(8), []

    async def timed(self, what, doing):
        """Await it and keep the seconds."""
        start = time.monotonic()
        result = await asyncio.wait_for(doing, self.patience)
        self.times.setdefault(what, []).append(time.monotonic() - start)
        return result

    async def come(self):
        """Log in with the form, start a server, open the notebook, start its kernel."""
        await self.timed("log in", self.log_in())
        await self.timed("server starts", self.start_server())
        token = await self.hub.api("POST", f"users/{self.name}/tokens", note="load")
        self.headers = {"Authorization": f"token {token['token']}"}
        self.document = (await self.server("GET", self.path()))["content"]
        await self.timed("kernel starts", self.start_kernel())

    async def log_in(self):
        page, jar = (
            f"{self.hub.url}/hub/login",
            aiohttp.CookieJar(unsafe=True),
        )  # of an address without a name
        async with aiohttp.ClientSession(cookie_jar=jar) as browser:
            async with browser.get(page) as reply:
                assert reply.status == 200
            xsrf = next(cookie.value for cookie in jar if cookie.key == "_xsrf")
            form = {"username": self.name, "password": self.hub.password, "_xsrf": xsrf}
            async with browser.post(f"{page}?next=/hub/home", data=form) as reply:
                assert reply.status == 200 and reply.url.path == "/hub/home", (reply.status, reply.url)

    async def start_server(self):
        """Ask for it, and listen to the hub's events as the page with the progress bar does."""
        await self.hub.api("POST", f"users/{self.name}/server")
        where = f"{self.hub.url}/hub/api/users/{self.name}/server/progress"
        headers = {"Authorization": f"token {self.hub.token}"}
        async with self.hub.session.get(where, headers=headers) as reply:
            async for line in reply.content:
                event = json.loads(line.removeprefix(b"data:")) if line.startswith(b"data:") else {}
                if event.get("ready"):
                    return
                if event.get("failed"):
                    raise RuntimeError(event["message"])
        raise RuntimeError("the server did not start")

    def path(self):
        return f"api/contents/{FOLDER}/{quote(self.notebook)}"

    async def server(self, method, path, /, **body):
        """The student's own server, through the proxy."""
        where = f"{self.hub.url}/user/{self.name}/{path}"
        async with self.hub.session.request(method, where, headers=self.headers, json=body or None) as reply:
            reply.raise_for_status()
            return await reply.json()

    async def start_kernel(self):
        place = {"path": f"{FOLDER}/{self.notebook}", "name": self.notebook, "type": "notebook"}
        made = await self.server("POST", "api/sessions", kernel={"name": "python3"}, **place)
        self.kernel = made["kernel"]["id"]
        where = (
            f"{self.hub.url}/user/{self.name}/api/kernels/{self.kernel}/channels?session_id={self.session_id}"
        )
        self.socket = await self.hub.session.ws_connect(
            where, headers=self.headers, max_msg_size=0, heartbeat=None
        )
        self.listener = asyncio.ensure_future(self.listen())
        await self.run("0")

    async def listen(self):
        """Hand each message to whoever waits for it."""
        async for frame in self.socket:
            message = unpacked(frame)
            content, kind = message["content"], message["header"]["msg_type"]
            if kind == "comm_open" and "max" in (state := content["data"].get("state", {})):
                self.sliders.append((content["comm_id"], state))
            entry = self.waiting.get(message["parent_header"].get("msg_id"))
            if entry is None:
                continue
            entry["seen"].append(kind)
            if kind == "error":
                entry["error"] = f"{content['ename']}: {content['evalue']}"
            if kind == "status" and content["execution_state"] == "idle":
                entry["done"].set()

    async def ask(self, kind, content):
        """Send a message to the kernel and wait until it is idle again; the kinds of messages that came."""
        number = secrets.token_hex(16)
        entry = self.waiting[number] = {"seen": [], "error": None, "done": asyncio.Event()}
        header = {"msg_id": number, "msg_type": kind, "username": self.name, "session": self.session_id}
        header |= {"version": "5.3", "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
        await self.socket.send_json(message | {"channel": "shell", "buffers": []})
        await asyncio.wait_for(entry["done"].wait(), self.patience)
        if entry["error"]:
            raise RuntimeError(f"{self.name}: {entry['error']}")
        return entry["seen"]

    async def run(self, code):
        options = {"silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        return await self.ask("execute_request", {"code": code, "stop_on_error": True, **options})

    async def save(self, note):
        """Write a line into the notebook and save it: what the server has accepted may never be lost."""
        cell = next(cell for cell in self.document["cells"] if cell["cell_type"] == "markdown")
        cell["source"] += f"\n\n{self.name}: {note} {secrets.token_hex(4)}"
        body = {"type": "notebook", "format": "json", "content": self.document}
        await self.timed("save", self.server("PUT", self.path(), **body))
        self.saved = json.dumps([cell["source"] for cell in self.document["cells"]])

    def code(self, tag=None):
        """The sources of the code cells; of those with a tag."""
        cells = [cell for cell in self.document["cells"] if cell["cell_type"] == "code"]
        return [c["source"] for c in cells if tag is None or tag in c["metadata"].get("tags", [])]

    async def more_cells(self, count):
        """The cells after the first, a save after each."""
        start = time.monotonic()
        for n, code in enumerate(self.code()[1:count], 2):
            await self.run(code)
            await self.save(f"cell {n}")
        self.times.setdefault(f"cells 2 to {count}", []).append(time.monotonic() - start)

    async def explore(self, what="explorer moves"):
        """Show the notebook's first explorer and move its first slider."""
        self.sliders = []
        await self.timed("explorer shows", self.run(self.code("explorer")[0]))
        comm, state = self.sliders[0]
        for n in range(MOVES):
            value = state["min"] + state["step"] * (n + 1)
            update = {"method": "update", "state": {"value": value}, "buffer_paths": []}
            seen = await self.timed(what, self.ask("comm_msg", {"comm_id": comm, "data": update}))
            assert "comm_msg" in seen, "the explorer has not answered"
        await self.save("explorer")

    def kernel_process(self):
        return next(
            (
                pid
                for pid, line in processes()
                if f"kernel-{self.kernel}.json" in line and "ipykernel" in line
            ),
            None,
        )

    async def killed(self):
        """The kernel dies without a word, the server makes a new one, and the student runs the setup cell again."""
        old = self.kernel_process()
        os.kill(old, signal.SIGKILL)

        async def back():
            while self.kernel_process() in (None, old):
                await asyncio.sleep(0.5)
            while True:  # until the new one is connected, a message goes nowhere
                try:
                    return await asyncio.wait_for(self.run("0"), 10)
                except TimeoutError:
                    continue

        await self.timed("kernel back", back())
        await self.run(self.code()[0])

    def lost(self):
        """Whether the home lacks what was saved last."""
        file = self.hub.homes / self.name / FOLDER / self.notebook
        if not file.is_file():
            return True
        cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
        return json.dumps(["".join(cell["source"]) for cell in cells]) != self.saved


# --- small things ---


def free_ports(count):
    with_ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in with_ports]
    for each in with_ports:
        each.close()
    return ports


def unpacked(frame):
    """A message of a kernel's websocket, without its buffers, which come in a binary frame behind the text."""
    if frame.type != aiohttp.WSMsgType.BINARY:
        return json.loads(frame.data)
    (count,) = struct.unpack_from("!I", frame.data)
    offsets = [*struct.unpack_from(f"!{count}I", frame.data, 4), len(frame.data)]
    return json.loads(frame.data[offsets[0] : offsets[1]])


def processes():
    """(pid, command line) of each process."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue


def used(pid):
    """What a process has taken: MB with its part of what it shares (Pss), MB of its own, seconds of CPU."""
    rows = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    found = {row[0].rstrip(":"): int(row[1]) / 1024 for row in rows}
    ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return {
        "MB, Pss": found["Pss"],
        "MB, its own": found["Private_Clean"] + found["Private_Dirty"],
        "CPU, s": sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK"),
    }


def of_users(students):
    """MB of each kernel and each server now, and the seconds of CPU that they have taken."""
    names = {f"kernel-{student.kernel}.json" for student in students if hasattr(student, "kernel")}
    homes = {str(student.hub.homes / student.name) for student in students}
    found = {}
    for pid, line in processes():
        kernel = "ipykernel" in line and any(name in line for name in names)
        if kernel or ("singleuser" in line and cwd(pid) in homes):
            for what, value in used(pid).items():
                found.setdefault(f"{'kernel' if kernel else 'server'}, {what}", []).append(value)
    return found


def cwd(pid):
    """The folder that a process works in; nothing where that is not said."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


def available():
    """MB that the machine has left."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("MemAvailable"))


def share(values, percent):
    """A percentile; of one value that value."""
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


async def everybody(students, doing):
    """The same for all at once; who fails is out, and the reason stays."""

    async def one(student):
        try:
            await doing(student)
        except Exception as error:
            student.faults.append(f"{student.name}: {type(error).__name__}: {error}")

    await asyncio.gather(*(one(student) for student in students if not student.faults))


async def whole(hub, given):
    """The test itself: the students, and what was measured."""
    students = [Student(hub, f"student{n:02d}", given.notebook, given.patience) for n in range(given.users)]
    before, result = available(), {}
    options = {
        "timeout": aiohttp.ClientTimeout(total=given.patience),
        "connector": aiohttp.TCPConnector(limit=0),
    }
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), **options) as hub.session:
        hub.begin("proxy"), hub.begin("hub")
        await hub.answers(given.patience)
        await everybody(students, lambda student: student.come())
        result["when started"] = of_users(students)
        await everybody(students, lambda student: student.timed("first cell", student.run(student.code()[0])))
        result["after the setup cell"] = of_users(students)
        await everybody(students, lambda student: student.more_cells(given.cells))
        await everybody(students, lambda student: student.explore())
        result["after the explorer"] = of_users(students)
        result["taken from the machine (MB)"] = before - available()
        well = [student for student in students if not student.faults]
        unlucky = random.sample(well, min(given.kill, len(well)))
        await everybody(unlucky, lambda student: student.killed())
        hub.end("hub")
        hub.begin("hub")  # while it starts, students work on: their servers and the proxy have not noticed
        await everybody(students, lambda student: student.explore("explorer moves, hub down"))
        await hub.answers(given.patience)
        await everybody(students, lambda student: student.timed("log in, hub back", student.log_in()))
        await everybody(students, lambda student: student.save("after the hub came back"))
        result["killed"], result["faults"] = len(unlucky), [f for student in students for f in student.faults]
        result["lost"] = [student.name for student in students if student.saved and student.lost()]
        result["finished"] = sum(not student.faults for student in students)
        for student in students:
            await hub.api("DELETE", f"users/{student.name}/server")
    result["seconds"] = {}
    for student in students:
        for what, seconds in student.times.items():
            result["seconds"].setdefault(what, []).extend(seconds)
    return result


def table(result, users):
    """What was measured, as lines to read."""
    yield f"{users} students, {result['finished']} finished, {result['killed']} kernels killed, hub restarted once"
    yield f"files lost: {len(result['lost'])} {' '.join(result['lost'])}"
    yield f"{'':44s}{'p50':>8s}{'p95':>8s}   n"
    for what, seconds in result["seconds"].items():
        yield f"{what + ' (s)':44s}{share(seconds, 50):8.1f}{share(seconds, 95):8.1f}{len(seconds):4d}"
    for when in STAGES:
        for what, values in result[when].items():
            yield f"{when + ': ' + what:44s}{share(values, 50):8.1f}{share(values, 95):8.1f}{len(values):4d}"
    yield f"the machine has {result['taken from the machine (MB)']:.0f} MB less"
    yield from result["faults"]


def main(options=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=30)
    parser.add_argument("--kill", type=int, default=5, help="kernels, at random")
    parser.add_argument("--cells", type=int, default=6)
    parser.add_argument("--notebook", default="00_start_here.ipynb")
    parser.add_argument("--proxy", default="configurable-http-proxy", help="its program")
    parser.add_argument("--patience", type=int, default=600, help="seconds for one step")
    parser.add_argument("--json", type=Path, help="a file for what was measured")
    given = parser.parse_args(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # and sweep
    with tempfile.TemporaryDirectory(prefix="hub-load-", ignore_cleanup_errors=True) as folder:
        hub = Hub(Path(folder), given.proxy, given.patience)
        hub.homes.mkdir()
        try:
            result = asyncio.run(whole(hub, given))
        finally:
            hub.sweep()
    for line in table(result, given.users):
        print(line)
    if given.json:
        given.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return int(bool(result["lost"] or result["faults"]))


if __name__ == "__main__":
    sys.exit(main())
