"""Inside ConvNets: look into convolutional networks, in a rendered world with an answer key.

`from lecture_utils import open_lab` is where a notebook begins. The import is lazy, so that
`import lecture_utils.world` needs numpy and numba only, and not torch.
"""

import os

# torch's idle threads sleep: spinning ones, the default, stop any neighbour. Heard only before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__all__ = ["open_lab"]


def __getattr__(name):
    """Import `open_lab` when it is first asked for (PEP 562)."""
    if name == "open_lab":
        from lecture_utils.lab import open_lab

        return open_lab
    raise AttributeError(f"module 'lecture_utils' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), "open_lab"])
