"""The hand on an explorer's picture: drags and arrow keys in the page become values of its controls.

The picture stays an `ipywidgets.Image`. Where the kernel or the page has no anywidget, the sliders move it, as ever.
"""

from pathlib import Path

from traitlets import Unicode

try:
    from anywidget import AnyWidget
except ImportError:  # a kernel that was installed without it
    AnyWidget = None


class Canvas(AnyWidget or object):
    """A button for the full screen, and the hint; it finds the picture in the panel that it stands in."""

    _esm, _css = (Path(__file__).with_suffix(end).read_text("utf-8") for end in (".js", ".css"))
    hint = Unicode("").tag(sync=True)


def canvas(panel):
    """The canvas of a `Panel`, in a list; an empty list without anywidget."""
    if AnyWidget is None:
        return []
    hand = Canvas(hint=panel.explorer.hint)
    hand.add_class("explorer-hand")
    hand.on_msg(lambda _, said, buffers: heard(panel, hand, said))
    return [hand]


def heard(panel, hand, said):
    """Do what the page says, and answer, whatever comes of it: the page waits with its next message."""
    try:
        if "steps" in said:
            panel.step(*said["steps"])
        elif "end" in said:
            panel.leap(said["end"] == "high")
        else:
            panel.drag(said["drag"], said["from"], said["to"])
    finally:
        hand.send({})
