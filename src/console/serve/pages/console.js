// What makes pages live: they read the same without it. All text comes in as text, never as markup of a run's own.
"use strict";

const MOST_OUTPUT = 256 * 1024;
const notice = document.getElementById("connection");
let refreshing = false;
let again = false;

// The page as it is now takes the place of what is shown, where that is other.
async function refresh() {
  if (refreshing) {
    again = true;
    return;
  }
  refreshing = true;
  try {
    const answer = await fetch(location.href, { headers: { "X-Refresh": "1" }, redirect: "error" });
    if (answer.status === 401) {
      location.assign("/login");
      return;
    }
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("main");
      if (fresh) {
        show(fresh);
      }
    }
  } catch {
    notice.textContent = "The console cannot be reached.";
  }
  refreshing = false;
  if (again) {
    again = false;
    refresh();
  }
}

// What has the focus is found again by where it leads.
function show(fresh) {
  const main = document.getElementById("main");
  const focus = main.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  // What a run prints goes on in its own place; when it has ended, all of it comes with the page.
  if (main.dataset.runEvents && fresh.dataset.runEvents) {
    fresh.querySelector("#output").replaceWith(document.getElementById("output"));
  }
  const places = [...main.querySelectorAll(".wide, pre")].map((part) => [part.scrollLeft, part.scrollTop]);
  main.replaceChildren(...fresh.childNodes);
  for (const name of ["data-events", "data-run-events"]) {
    if (!fresh.hasAttribute(name)) {
      main.removeAttribute(name);
    }
  }
  [...main.querySelectorAll(".wide, pre")].forEach((part, index) => {
    if (places[index]) {
      [part.scrollLeft, part.scrollTop] = places[index];
    }
  });
  if (focus) {
    main.querySelector(`a[href="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  }
}

function listen(path, events) {
  const source = new EventSource(path);
  source.addEventListener("open", () => { notice.textContent = ""; });
  source.addEventListener("error", () => { notice.textContent = "The connection is lost; it is tried again."; refresh(); });
  for (const [name, act] of Object.entries(events)) {
    source.addEventListener(name, (event) => act(JSON.parse(event.data), source));
  }
}

// The end of what was printed stays in sight, for who looks at it.
function print(text, isWhole) {
  const output = document.getElementById("output");
  const isAtEnd = output.scrollHeight - output.scrollTop - output.clientHeight < 40;
  const all = isWhole ? text : output.textContent + text;
  output.textContent = all.slice(-MOST_OUTPUT);
  if (isAtEnd) {
    output.scrollTop = output.scrollHeight;
  }
}

const main = document.getElementById("main");
if (main?.dataset.events) {
  listen(main.dataset.events, { changed: refresh, over: refresh });
  setInterval(refresh, 30000);
}
if (main?.dataset.runEvents) {
  listen(main.dataset.runEvents, {
    past: (text) => print(text, true),
    output: (text) => print(text, false),
    changed: refresh,
    over: (_, source) => { source.close(); refresh(); },
  });
}
