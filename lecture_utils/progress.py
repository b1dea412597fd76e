"""How far work has come: the one progress bar, and a figure that improves.

The bar is a widget in a notebook, plain tqdm in a terminal.

A bar disappears when the work is done. In a notebook it writes nothing to stderr and leaves nothing behind:
a stored notebook must not change from run to run because one run took longer.
"""

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic

__all__ = ["Live", "progress", "silenced"]

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
SILENT = ContextVar("SILENT", default=False)


def progress(iterable=None, label="", total=None):
    """Show how far some work has come. Use it around a loop, or by hand.

        for image in progress(images, "rendering"): ...
        with progress(label="training", total=steps) as bar: bar.update(); bar.note("loss 0.31")

    iterable: what to loop over, or None when `update` is called by hand
    label: str, what is being done
    total: int, number of steps; None takes len(iterable) where there is one
    Returns a bar with `update(n=1)`, `note(text)` and `close()`; it can be looped over and used in `with`.
    """
    if total is None:
        total = len(iterable) if hasattr(iterable, "__len__") else None
    kind = _NotebookBar if _in_notebook() and not SILENT.get() else _Bar
    return kind(iterable, label, total)


@contextmanager
def silenced():
    """Inside, bars count and show nothing: for work that shows by itself how far it has come."""
    before = SILENT.set(True)
    try:
        yield
    finally:
        SILENT.reset(before)


def _in_notebook():
    """True in a Jupyter kernel; False in a terminal, in IPython's own shell and under pytest."""
    ipython = sys.modules.get("IPython")  # a kernel has always imported it
    shell = ipython.get_ipython() if ipython else None
    return getattr(shell, "kernel", None) is not None


class _Bar:
    """tqdm on stderr; into a file it writes a line every ten seconds instead of ten each second. Silenced it counts."""

    def __init__(self, iterable, label, total):
        self.iterable, self.total, self.done, self.closed = iterable, total, 0, False
        self._open(label)

    def __iter__(self):
        if self.iterable is None:
            raise TypeError("progress() was given no iterable: call update(), or pass something to loop over")
        try:
            for item in self.iterable:
                yield item
                self.update()
        finally:  # also after break, an error or Ctrl-C
            self.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def update(self, n=1):
        """Count n more steps as done."""
        self.done += n
        self._draw()

    def close(self):
        """Finish the bar. Calling it twice does no harm."""
        if not self.closed:
            self.closed = True
            self._finish()

    def note(self, text):
        """Show a short text behind the bar, such as the loss, with the next update. It goes when the bar goes."""
        self.bar.set_postfix_str(text, refresh=False)

    def _open(self, label):
        from tqdm import tqdm

        how = {"leave": False, "dynamic_ncols": True, "mininterval": 0.1 if sys.stderr.isatty() else 10.0}
        self.bar = tqdm(desc=label, total=self.total, disable=SILENT.get(), **how)

    def _draw(self):
        self.bar.update(self.done - self.bar.n)

    def _finish(self):
        self.bar.close()


class _NotebookBar(_Bar):
    """An ipywidgets bar, shown without a text form (which nbval would compare) and taken away at the end."""

    def _open(self, label):
        import ipywidgets
        from IPython.display import display

        unknown = {"value": 1, "max": 1, "bar_style": "info"}
        known = {"value": 0, "max": max(self.total or 1, 1)}
        self.widget = ipywidgets.IntProgress(**(unknown if self.total is None else known))
        self.text = ipywidgets.Label()
        self.box = ipywidgets.HBox([ipywidgets.Label(label), self.widget, self.text])
        self.extra, self.shown = "", 0.0
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        self.handle = display({WIDGET_VIEW: view}, raw=True, display_id=True)

    def _draw(self):
        if monotonic() - self.shown < 0.1 and self.done != self.total:  # ten messages a second are enough
            return
        self.shown = monotonic()
        count = f"{self.done}" if self.total is None else f"{self.done} of {self.total}"
        if self.total is not None:
            self.widget.value = self.done
        self.text.value = f"{count} {self.extra}".rstrip()

    def note(self, text):
        self.extra = text

    def _finish(self):
        for widget in (self.box, *self.box.children):
            widget.close()
        self.handle.update({}, raw=True)  # an empty output; `make notebooks` removes it


class Live:
    """A figure that improves: `live(picture)` shows it, and at the next call the next one in the same place.

    Outside a notebook it only counts. `shown` is how many there were, `last` the last one.
    """

    def __init__(self):
        self.shown, self.last, self._handle = 0, None, None

    def __call__(self, picture):
        """Show `picture` instead of the one before, and return it."""
        self.shown, self.last = self.shown + 1, picture
        if _in_notebook():
            ipython = sys.modules["IPython"]
            if self._handle is None:
                self._handle = ipython.display.display(picture, display_id=True)
            else:
                self._handle.update(picture)
        return picture
