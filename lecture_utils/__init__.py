"""Inside ConvNets: look into convolutional networks, in a rendered world with an answer key.

`from lecture_utils import open_lab` is where a notebook begins. The import is lazy, so that
`import lecture_utils.world` needs numpy and numba only, and not torch.
"""

import os
import sys

# torch's idle threads shall sleep: spinning ones, the default, stop any neighbour. torch hears this only before it is
# imported; afterwards half of its threads are let go, so that two notebooks together have one for each core.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    if (torch := sys.modules.get("torch")) and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, torch.get_num_threads() // 2))

# What a Mac's graphics processor cannot do, torch then does on the CPU. It hears this, too, only before it is imported.
os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")

__all__ = ["open_lab"]


def __getattr__(name):
    """Import `open_lab` when it is first asked for (PEP 562)."""
    if name == "open_lab":
        from lecture_utils.lab import open_lab

        return open_lab
    raise AttributeError(f"module 'lecture_utils' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), "open_lab"])
