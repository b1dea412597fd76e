"""A picture that improves: one place in a notebook, redrawn as the work goes on."""

import sys


class Live:
    """`live(picture)` shows a picture, and at the next call the next one in the same place.

    Outside a notebook it only counts. `shown` is how many there were, `last` the last one.
    """

    def __init__(self):
        self.shown, self.last, self._handle = 0, None, None

    def __call__(self, picture):
        """Show `picture` instead of the one before, and return it."""
        self.shown, self.last = self.shown + 1, picture
        ipython = sys.modules.get("IPython")
        shell = ipython.get_ipython() if ipython else None
        if getattr(shell, "kernel", None) is not None:
            if self._handle is None:
                self._handle = ipython.display.display(picture, display_id=True)
            else:
                self._handle.update(picture)
        return picture
