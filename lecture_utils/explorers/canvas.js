// The hand on an explorer's picture. Drags and arrow keys go to the kernel, which moves the controls and answers with a
// new picture. Two messages are under way at a time, so that the kernel works while the page shows what came before;
// what comes meanwhile waits, and of places only the newest one.
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const ENDS = { Home: "low", End: "high" };
const PLAY = ["Play the stops, or pause", "Back to the first stop"];

function render({ model, el }) {
  const hint = model.get("hint");
  let root, image, waiting, under = 0, drag, from;

  function send(message) {
    if (under < 2) {
      under += 1;
      model.send(message);
    } else if (message.steps && waiting?.steps) {
      waiting.steps = waiting.steps.map((steps, n) => steps + message.steps[n]);
    } else {
      waiting = message;
    }
  }

  function answered() {
    under -= 1;
    const next = waiting;
    waiting = undefined;
    if (next) send(next);
  }

  // Where a pointer is: shares of the picture's width and height.
  function place(event) {
    const box = image.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  function pressed(event) {
    if (event.button) return;
    event.preventDefault();
    image.focus({ preventScroll: true });
    image.setPointerCapture(event.pointerId);
    [from, drag] = [place(event), Math.random()]; // no other view of the panel has the same
    send({ drag, from, to: from });
  }

  function moved(event) {
    if (image.hasPointerCapture(event.pointerId)) send({ drag, from, to: place(event) });
  }

  function keyed(event) {
    const size = event.shiftKey ? 5 : 1, arrow = ARROWS[event.key], end = ENDS[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || !(arrow || end)) return;
    event.preventDefault();
    event.stopPropagation();
    send(arrow ? { steps: arrow.map((way) => way * size) } : { end });
  }

  // The panel's parts come one after another: name those that are there, and take the picture in hand.
  function settle() {
    for (const handle of root.querySelectorAll(".noUi-handle")) {
      const label = handle.closest(".widget-hslider")?.querySelector(".widget-label");
      if (label) handle.setAttribute("aria-label", label.textContent);
      handle.dataset.lmSuppressShortcuts = "true"; // the arrow keys are the slider's, not JupyterLab's
    }
    root.querySelectorAll(".widget-play button").forEach((button, n) => {
      button.title = PLAY[n] ?? "";
      button.setAttribute("aria-label", button.title); // its icon is a letter, which would be its name
    });
    root.querySelector(":scope > .widget-html .widget-html-content")?.setAttribute("aria-live", "polite");
    const found = root.querySelector("img.widget-image");
    if (!hint || !found || found === image) return;
    image = found;
    image.draggable = false;
    image.tabIndex = 0;
    image.dataset.lmSuppressShortcuts = "true";
    image.setAttribute("role", "application"); // its name is its title: the sentence
    image.setAttribute("aria-description", hint);
    image.addEventListener("pointerdown", pressed);
    image.addEventListener("pointermove", moved);
    image.addEventListener("keydown", keyed);
  }

  const observer = new MutationObserver(settle);
  let frame = requestAnimationFrame(function find() {
    root = el.closest(".explorer");
    if (!root) return (frame = requestAnimationFrame(find));
    observer.observe(root, { childList: true, subtree: true });
    settle();
  });

  if (document.fullscreenEnabled) {
    const button = document.createElement("button");
    button.className = "jupyter-button";
    button.textContent = "Full screen";
    button.onclick = () => {
      const shown = root.querySelector("img.widget-image");
      root.style.setProperty("--ratio", shown.naturalWidth / shown.naturalHeight);
      document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen();
    };
    el.append(button);
  }
  el.append(hint);
  model.on("msg:custom", answered);
  return () => {
    cancelAnimationFrame(frame);
    observer.disconnect();
    model.off("msg:custom", answered);
  };
}

export default { render };
