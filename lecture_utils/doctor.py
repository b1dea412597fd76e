"""Does everything work here? `report()` for the first notebook; the checks themselves are `tools/doctor.py`."""

import runpy

from . import store

CHECKS = store.ROOT / "tools" / "doctor.py"


def report() -> bool:
    """Print a line for each thing that the course needs, and what to do where it is not; True if notebooks can run.

    Errors: FileNotFoundError for a package that was installed without the repository around it.
    """
    if not CHECKS.is_file():
        raise FileNotFoundError(f"{CHECKS} is missing: open the notebooks in a clone of the whole repository")
    return runpy.run_path(str(CHECKS))["report"]()
