// Brings new states into the page: whenever the server says that something has changed, the same page is fetched again,
// and of its parts those that differ are put in. Without this script every page still works, by loading it again.
"use strict";

const said = new Map(); // id of a part -> its HTML as the server gave it last
const parts = (root) => root.querySelectorAll("[data-part]");
for (const part of parts(document)) said.set(part.id, part.innerHTML);

/** Put in a part without taking from the person what they opened, typed, or have the focus on. */
function put(part, html) {
  const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
  const opened = [...part.querySelectorAll("details[open][id]")].map((each) => each.id);
  const typed = [...part.querySelectorAll("input[id], select[id]")].map((each) => [each.id, each.value]);
  part.innerHTML = html;
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  for (const [id, value] of typed) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

function isSelected(part) {
  const selection = document.getSelection();
  return !selection.isCollapsed && selection.containsNode(part, true);
}

async function refresh() {
  // What was sent by a form is at the form's address, and is not to be sent again.
  const page = document.body.dataset.page || location.href.split("#")[0];
  const response = await fetch(page, { headers: { Accept: "text/html" } });
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  let isWaiting = false;
  for (const part of parts(document)) {
    const other = fresh.getElementById(part.id);
    const html = other === null ? "" : other.innerHTML;
    if (html === said.get(part.id)) continue;
    if (isSelected(part)) { // somebody is about to copy: later
      isWaiting = true;
      continue;
    }
    said.set(part.id, html);
    put(part, html);
    offerCopies(part);
  }
  const missing = [...parts(fresh)].some((part) => document.getElementById(part.id) === null);
  if (missing) location.reload(); // it has become another page: an error, or what comes after one
  if (isWaiting) setTimeout(look, 1000);
}

let isLooking = false;
let isStale = false;

/** Refresh now, or once more after the refresh that is under way. */
async function look() {
  isStale = true;
  if (isLooking) return;
  isLooking = true;
  try {
    while (isStale) {
      isStale = false;
      await refresh();
    }
  } catch {
    tell(false);
  } finally {
    isLooking = false;
  }
}

function tell(isConnected) {
  const notice = document.getElementById("connection");
  const words = isConnected ? "" : "Not connected any more: kubectl dragonfly console has ended, or this machine was asleep.";
  if (notice.textContent !== words) notice.textContent = words;
  notice.className = isConnected ? "" : "notice bad";
}

let events = null;

/** Listen while the page can be seen: a browser opens only six connections to one server, for all of its tabs. */
function listen() {
  const url = document.body.dataset.events;
  if (!url) return;
  if (document.hidden) {
    events?.close();
    events = null;
  } else if (events === null) {
    events = new EventSource(url);
    events.onopen = () => { tell(true); look(); };
    events.onmessage = look;
    events.onerror = () => tell(false);
  }
}

function offerCopies(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.onclick = async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
    };
  }
}

offerCopies(document);
document.addEventListener("visibilitychange", listen);
listen();
