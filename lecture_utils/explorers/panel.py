"""The widgets of one explorer: controls, Prev and Next, the picture, its sentence; and a live run if it has one."""

import asyncio
from html import escape
from threading import RLock

import ipywidgets
from traitlets import Unicode

WORKING = "working ..."  # on the button at once: a first picture may take seconds
BREATH = 0.02  # s between two stages of a live run, in which the kernel hears a click


class Picture(ipywidgets.Image):
    """An image whose tooltip reaches the page as the picture's accessible name; a plain one has neither.

    In the page a tooltip is looked up beside a description, and an Image without one ends as an error message.
    """

    description = Unicode("").tag(sync=True)


def _button(word, tooltip, clicked, **options):
    button = ipywidgets.Button(description=word, tooltip=tooltip, **options)
    button.on_click(lambda _: clicked())
    return button


class Panel:
    """The widgets of one explorer. A fault while moving is shown under the picture, and raised as well.

    Dragging does not queue up: a slider sends its next value when the kernel has answered the last one.
    """

    def __init__(self, explorer):
        self.explorer, self.titles, self.at, self.lock = explorer, list(explorer.stops), 0, RLock()
        start = explorer.stop(self.titles[0])
        self.inputs = {name: control.widget(start[name]) for name, control in explorer.controls.items()}
        for widget in self.inputs.values():
            widget.observe(lambda _: self.draw(), "value")
        self.image = Picture(format=explorer.format, layout=ipywidgets.Layout(max_width="100%"))
        self.text, self.where = ipywidgets.HTML(), ipywidgets.Label()
        prev = _button("Prev", "Prev stop", lambda: self.go(self.at - 1))
        next_ = _button("Next", "Next stop", lambda: self.go(self.at + 1))
        self.jumping, self.run = False, LiveRun(self) if explorer.live else None
        rows = [ipywidgets.HBox([prev, next_, self.where]), *self.inputs.values()]
        rows += [self.run.box] if self.run else []
        self.box = ipywidgets.VBox([*rows, self.image, self.text])
        self.draw()

    def values(self):
        """What the controls say; a page may send -1.6249999999999998 for a step that is -1.625."""
        said = {name: widget.value for name, widget in self.inputs.items()}
        return {name: round(value, 9) if isinstance(value, float) else value for name, value in said.items()}

    def go(self, number):
        """Go to a stop; after the last comes the first. Several controls move, one picture is drawn."""
        self.at = number % len(self.titles)
        self.jumping = True
        try:
            for name, value in self.explorer.stop(self.titles[self.at]).items():
                self.inputs[name].value = value
        finally:
            self.jumping = False
        self.draw()

    def draw(self):
        """The picture and the sentence for the values of the controls; it ends a live run."""
        if self.jumping:
            return
        with self.lock:
            if self.run:
                self.run.stop()
            values = self.values()
            here = [n for n, _, stop in self.explorer.places() if stop == values]
            self.at = here[0] if here else self.at
            place = f"stop {self.at + 1} of {len(self.titles)}: {self.titles[self.at]}"
            self.where.value = place if here else f"between stops ({place} was the last)"
            try:
                self.show(self.explorer.encoded(**values), self.explorer.describe(**values))
            except Exception as error:
                self.complain(error)
                raise

    def show(self, picture, sentence):
        with self.image.hold_sync():  # one message
            self.image.value, self.image.tooltip = picture, sentence
        self.text.value = escape(sentence)

    def complain(self, error):
        self.text.value = f'<b role="alert">{escape(type(error).__name__)}</b>: {escape(str(error))}'


class LiveRun:
    """Two buttons that run an explorer's `live` and stop it.

    The kernel stays free: a run works in turns of a fraction of a second, on the loop of the cells; between two of them
    come clicks, sliders and other cells. A page may handle its clicks in another thread (JupyterLab does): the panel's
    lock keeps turns and moves apart. Stop, an error and Ctrl-C end a run, and the last picture stays; a moved control
    puts its own in its place. Without a running event loop, as in a test, a click runs it to its end.
    """

    def __init__(self, panel):
        self.panel, self.turns = panel, None
        try:
            self.loop = asyncio.get_running_loop()
        except RuntimeError:
            self.loop = None
        self.start = _button("Run live", "Run live", self.begin, icon="play")
        self.end = _button("Stop", "Stop", self.stop, icon="stop", disabled=True)
        self.box = ipywidgets.HBox([self.start, self.end])

    def begin(self):
        """Begin a run, in place of the one that is going on."""
        with self.panel.lock:
            self.stop()
            turns = self.turns = self.panel.explorer.live(**self.panel.values())
            self.start.disabled, self.start.description, self.end.disabled = True, WORKING, False
        if self.loop is not None and self.loop.is_running():
            asyncio.run_coroutine_threadsafe(self.keep_going(turns), self.loop)
        else:
            while self.turn(turns):
                pass

    async def keep_going(self, turns):
        while self.turn(turns):
            await asyncio.sleep(BREATH)

    def turn(self, turns):
        """One turn of a run: whether another one follows."""
        with self.panel.lock:
            if self.turns is not turns:  # stopped, or begun anew
                return False
            try:
                board, sentence = next(turns)
            except StopIteration:
                self.stop()
            except (Exception, KeyboardInterrupt) as error:
                self.stop()
                self.panel.complain(error)
            else:
                self.panel.show(self.panel.explorer.packed(board), sentence)
            return self.turns is turns

    def stop(self):
        """End the run, if there is one; the picture stays."""
        with self.panel.lock:
            if self.turns is not None:
                self.turns.close()
            self.turns = None
            self.start.disabled, self.start.description, self.end.disabled = False, "Run live", True
