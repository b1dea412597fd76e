"""The widgets of one explorer: controls, Prev and Next, the picture, its sentence; and a live run if it has one."""

import asyncio
from html import escape
from threading import RLock

import ipywidgets
from traitlets import Unicode

from .canvas import canvas

WORKING = "working ..."  # on the button at once: a first picture may take seconds
BREATH = 0.02  # s between two stages of a live run, in which the kernel hears a click
PAUSE = 3000  # ms at each stop when the stops are played
HIGH, ROW = 600, 34  # px of a panel, and of a row of controls


class Picture(ipywidgets.Image):
    """An image whose tooltip reaches the page as the picture's accessible name; a plain one has neither.

    In the page a tooltip is looked up beside a description, and an Image without one ends as an error message.
    """

    description = Unicode("").tag(sync=True)


def _button(word, tooltip, clicked, **options):
    layout = ipywidgets.Layout(width="auto")
    button = ipywidgets.Button(description=word, tooltip=tooltip, layout=layout, **options)
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
        rows = 3 + (len(self.inputs) + 1) // 2 + bool(explorer.live)  # one of buttons, two of words
        size = {"max_width": "100%", "max_height": f"{HIGH - ROW * rows}px", "align_self": "flex-start"}
        self.image = Picture(format=explorer.format, layout=ipywidgets.Layout(**size))
        self.text, self.where = ipywidgets.HTML(), ipywidgets.Label()
        prev = _button("Prev", "Prev stop", lambda: self.go(self.at - 1))
        next_ = _button("Next", "Next stop", lambda: self.go(self.at + 1))
        self.play = ipywidgets.Play(max=len(self.titles) - 1, interval=PAUSE, repeat=True, show_repeat=False)
        self.play.observe(lambda change: change.new == self.at or self.go(change.new), "value")
        self.jumping, self.run, self.held = False, LiveRun(self) if explorer.live else None, None
        head = ipywidgets.HBox([prev, next_, self.play, *canvas(self), self.where])
        inputs = ipywidgets.Box([*self.inputs.values()], layout=ipywidgets.Layout(flex_flow="row wrap"))
        rows = [head, inputs, self.run.box] if self.run else [head, inputs]
        self.box = ipywidgets.VBox([*rows, self.image, self.text])
        self.box.add_class("explorer")
        self.draw()

    def values(self):
        """What the controls say; a page may send -1.6249999999999998 for a step that is -1.625."""
        said = {name: widget.value for name, widget in self.inputs.items()}
        return {name: round(value, 9) if isinstance(value, float) else value for name, value in said.items()}

    def go(self, number):
        """Go to a stop; after the last comes the first. Several controls move, one picture is drawn."""
        self.at = number % len(self.titles)
        self.set(self.explorer.stop(self.titles[self.at]))

    def set(self, values):
        """Give several controls their values, {name: value}, and draw one picture."""
        self.jumping = True
        try:
            for name, value in values.items():
                self.inputs[name].value = value
        finally:
            self.jumping = False
        self.draw()

    def drag(self, number, start, to):
        """Follow a pointer. number: of its drag; start, to: shares of the picture's width and height.

        What was under the pointer when the drag began is held until it ends, wherever the pointer goes.
        """
        if self.held is None or self.held[0] != number:
            board = self.board  # the last one that was drawn
            self.held = number, board, board.under(start[0] * board.wide, start[1] * board.high)
        _, board, (block, x, y) = self.held
        right, down = (to[0] - start[0]) * board.wide, (to[1] - start[1]) * board.high
        found = block.grip(x + right, y + down, right, down) if block.grip else {}
        found = {name: self.explorer.controls[name].nearest(value) for name, value in found.items()}
        if any(self.inputs[name].value != value for name, value in found.items()):
            self.set(found)

    def step(self, across, down):
        """Move by so many steps, as arrow keys ask."""
        now, controls = self.values(), self.explorer.controls
        for name, (right, below) in self.explorer.arrows.items():
            steps = across * right + down * below
            now[name] = controls[name].nearest(now[name] + steps * controls[name].step)
        self.set(now)

    def leap(self, high):
        """Move the first of the controls that arrows move to its end."""
        name = next(iter(self.explorer.arrows))
        self.set({name: self.explorer.controls[name].values()[-1 if high else 0]})

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
            self.where.value = place if here else f"between stops (last: {self.titles[self.at]})"
            self.play.value, self.play.playing = self.at, self.play.playing and bool(here)
            try:
                self.explorer.check(**values)
                self.board = self.explorer.board(**values)
                self.show(self.explorer.packed(self.board), self.explorer.describe(**values))
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
