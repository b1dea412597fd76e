"""What holds for every test, and for the kernels that nbval starts from this process."""

import os

import pytest

# The course promises to work without a network. Whoever tries to download meets a closed port, and fails.
for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
    os.environ[variable] = "http://127.0.0.1:9"
for variable in ("no_proxy", "NO_PROXY"):
    os.environ[variable] = "localhost,127.0.0.1"

os.environ["MPLBACKEND"] = "agg"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in the kernels of `make lab`

# One worker a core, one thread a worker: two torch processes with two threads each on two cores nearly stop each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    for variable in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[variable] = "1"


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist, which reads the groups in the same hook
def pytest_collection_modifyitems(items):
    """A file stays with one worker (its fixtures are made once, a notebook has one kernel), but for the tests marked
    `whole_notebook`, each of which takes a minute: these go wherever there is room. Notebooks, which take longest, come
    first, so that no worker is left with one at the end. Those of evidence are slow.
    """
    items.sort(key=lambda item: item.path.suffix != ".ipynb")
    for item in items:
        if item.path.parent.name == "evidence":
            item.add_marker(pytest.mark.slow)
        alone = item.get_closest_marker("whole_notebook")
        item.add_marker(pytest.mark.xdist_group(item.name if alone else item.path.name))
