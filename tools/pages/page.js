// Light or dark, contents that are closed on a phone, and the search. Its places load with the first letter.
const up = document.currentScript.dataset.up;
const input = document.getElementById("find"), list = document.getElementById("found");

document.getElementById("theme").onclick = () => {
  const root = document.documentElement;
  const dark = getComputedStyle(root).colorScheme === "dark"
    || (!root.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.theme = root.dataset.theme; } catch {}
};

if (matchMedia("(max-width: 900px)").matches) document.querySelector("nav details").open = false;

function places() {
  return new Promise(done => {
    if (typeof PLACES !== "undefined") return done();
    const script = document.createElement("script");
    script.src = up + "search.js";
    script.onload = done;
    document.head.append(script);
  });
}

// Every word must be there. A word of a heading counts ten; of two that count the same the earlier page comes first.
function ranked(words) {
  const count = (text, word) => text.toLowerCase().split(word).length - 1;
  const weight = ([, title, heading, text]) => words.reduce((sum, word) => {
    const one = 10 * count(heading || title, word) + Math.min(count(text, word), 9);
    return one ? sum + one : -Infinity;
  }, 0);
  return PLACES.map(place => [weight(place), place]).filter(([found]) => found > 0).sort((a, b) => b[0] - a[0]);
}

function entry([, [href, title, heading, text]], word) {
  const link = document.createElement("a"), at = Math.max(0, text.toLowerCase().indexOf(word) - 40);
  link.href = up + href;
  const first = document.createElement("b");
  first.textContent = heading || title;
  link.append(first, heading ? ` ${title}${href.startsWith("evidence") ? " (evidence)" : ""}` : "",
    document.createElement("br"), (at ? "… " : "") + text.slice(at, at + 140));
  const item = document.createElement("li");
  item.append(link);
  return item;
}

input.oninput = async () => {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  list.hidden = !words.length;
  if (!words.length) return;
  await places();
  const found = ranked(words).slice(0, 20);
  list.replaceChildren(...found.map(place => entry(place, words[0])));
  if (!found.length) list.append("Nothing found.");
};

document.onkeydown = event => {
  if (event.key === "/" && document.activeElement !== input) {
    event.preventDefault();
    input.focus();
  } else if (event.key === "Escape") {
    list.hidden = true;
  }
};
document.onclick = event => {
  if (!event.target.closest(".find")) list.hidden = true;
};
