// Starts the deck. C shows the code of a page; S opens the speaker's window with its notes and clock.
const panel = document.getElementById("code");

function closeCode() {
  panel.hidden = true;
}

function toggleCode() {
  const code = Reveal.getCurrentSlide().querySelector("template.code");
  panel.replaceChildren(code ? code.content.cloneNode(true) : "No code on this page.");
  panel.hidden = !panel.hidden;
}

Reveal.initialize({
  width: 1280,
  height: 720,
  margin: 0,
  center: false,
  hash: true,
  controls: false,
  slideNumber: "h.v",
  transition: "none",
  pdfSeparateFragments: false,
  totalTime: SECONDS,
  plugins: [RevealNotes],
});
Reveal.addKeyBinding({ keyCode: 67, key: "C", description: "Code of this page" }, toggleCode);
Reveal.on("slidechanged", closeCode);
