"use strict";
// The wall: cards arrive over a socket as finished words and addresses; this file puts them where
// they belong. Nothing that arrives is ever read as HTML.

const RECORDS_SHOWN = 20;
const REPLACED_KNOWN = 1000;
const STATE_EVERY_MS = 15000;
const RETRY_FIRST_MS = 500;
const RETRY_LAST_MS = 20000;
const SIGNED_OUT = 4401;

const body = document.body;
const lists = {
  record: document.getElementById("records"),
  alert: document.getElementById("alerts"),
  terminal: document.getElementById("terminals"),
};
const connection = document.getElementById("connection");

function show(element, card) {
  element.dataset.id = card.id;
  for (const name of ["tone", "severity", "state"]) {
    if (name in card) element.dataset[name] = card[name];
  }
  for (const node of element.querySelectorAll("[data-text]")) {
    node.textContent = card[node.dataset.text] ?? "";
    if (node.dataset.mood) node.className = card[node.dataset.mood] ?? "";
  }
  for (const image of element.querySelectorAll("img[data-src]")) {
    const address = card[image.dataset.src];
    image.hidden = !address;
    if (address && image.getAttribute("src") !== address) image.src = address;
  }
  for (const form of element.querySelectorAll("form[data-action]")) {
    const address = card[form.dataset.action];
    form.hidden = !address;
    if (address) form.action = address;
  }
}

function made(kind, card) {
  const template = document.getElementById(`${kind}-template`);
  const element = template.content.firstElementChild.cloneNode(true);
  show(element, card);
  return element;
}

function known(kind, id) {
  return lists[kind].querySelector(`:scope > [data-id="${Number(id)}"]`);
}

function newestId() {
  const ids = [...lists.record.children].map((element) => Number(element.dataset.id));
  return Math.max(0, ...ids);
}

// Passes that came by push and then as an upload, which takes their place. What was sent of the
// former may come after the latter.
const replaced = new Set();
function replace(card) {
  for (const id of card.replaces ?? []) {
    replaced.add(id);
    const former = known("record", id);
    if (!former) continue;
    // In its place, which is where the eye is.
    if (known("record", card.id)) former.remove();
    else show(former, card);
  }
  while (replaced.size > REPLACED_KNOWN) replaced.delete(replaced.values().next().value);
}

function addRecord(card) {
  replace(card);
  if (replaced.has(card.id) || known("record", card.id)) return;
  const element = made("record", card);
  const older = [...lists.record.children].find((other) => Number(other.dataset.id) < card.id);
  lists.record.insertBefore(element, older ?? null);
  element.classList.add("fresh");
  while (lists.record.children.length > RECORDS_SHOWN) lists.record.lastElementChild.remove();
}

// A change may hide, move or remove what has the focus. It then stays with the card, on its
// heading, or goes to the heading of the next one: on no other button, where a second Enter would
// do what was not asked for.
function keepingFocus(change) {
  const focused = document.activeElement;
  const card = focused?.closest("main [data-id]");
  if (!card) {
    change();
    return;
  }
  const list = card.parentElement;
  const cards = [...list.children];
  const place = cards.indexOf(card);
  change();
  if (focused.getClientRects().length > 0) {
    if (document.activeElement !== focused) focused.focus({ preventScroll: true });
    return;
  }
  const near = [card, ...cards.slice(place + 1), ...cards.slice(0, place).reverse()];
  const left = near.find((one) => one.isConnected);
  const target = left?.querySelector("h3") ?? left ?? list;
  target.tabIndex = -1;
  target.focus();
}

function addAlert(card) {
  const element = known("alert", card.id);
  if (card.state === "cleared") {
    keepingFocus(() => element?.remove());
  } else if (element) {
    keepingFocus(() => show(element, card));
  } else {
    const fresh = made("alert", card);
    fresh.classList.add("fresh");
    lists.alert.prepend(fresh);
  }
}

function replaceAll(kind, cards) {
  keepingFocus(() => {
    const wanted = cards.map((card) => {
      const element = known(kind, card.id);
      if (element) show(element, card);
      return element ?? made(kind, card);
    });
    // Moving what stands where it should would take the focus from a button.
    const now = [...lists[kind].children];
    if (now.length !== wanted.length || wanted.some((element, place) => element !== now[place])) {
      lists[kind].replaceChildren(...wanted);
    }
  });
}

function showCounts(counts) {
  for (const node of document.querySelectorAll("#counts [data-text]")) {
    node.textContent = counts[node.dataset.text] ?? "";
  }
}

function goToLogin() {
  window.location.assign(body.dataset.loginUrl);
}

// One question at a time; whoever asks meanwhile is answered by one more.
let asking = false;
let askAgain = false;
async function catchUp() {
  if (asking) {
    askAgain = true;
    return;
  }
  asking = true;
  try {
    const address = `${body.dataset.stateUrl}?after=${newestId()}`;
    const answer = await fetch(address, { signal: AbortSignal.timeout(10000) });
    if (answer.status === 401) {
      goToLogin();
      return;
    }
    if (!answer.ok) return;
    const wall = await answer.json();
    wall.records.reverse().forEach(addRecord);
    replaceAll("alert", wall.alerts);
    replaceAll("terminal", wall.terminals);
    showCounts(wall.counts);
  } catch {
    // Not reached: the page already says so, and asks again by itself.
  } finally {
    asking = false;
    if (askAgain) {
      askAgain = false;
      soon();
    }
  }
}

let planned = 0;
function soon() {
  if (planned) return;
  planned = window.setTimeout(() => {
    planned = 0;
    catchUp();
  }, 1000);
}

let failures = 0;
function connect() {
  const scheme = window.location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${window.location.host}${body.dataset.socket}`);
  socket.addEventListener("message", (event) => {
    const message = JSON.parse(event.data);
    if (message.type === "hello") {
      failures = 0;
      connection.dataset.connection = "live";
      // What came between the first paint, or the last message, and now.
      catchUp();
    } else if (message.type === "record") {
      addRecord(message.record);
      soon();
    } else if (message.type === "alert") {
      addAlert(message.alert);
      soon();
    }
  });
  socket.addEventListener("close", (event) => {
    connection.dataset.connection = "lost";
    if (event.code === SIGNED_OUT) {
      goToLogin();
      return;
    }
    // Half of it by chance, so that a hundred walls do not come back in the same moment.
    const pause = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** failures);
    failures += 1;
    window.setTimeout(connect, pause / 2 + (Math.random() * pause) / 2);
  });
}

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("form[data-action]");
  if (!form) return;
  event.preventDefault();
  const button = form.querySelector("button");
  // Not "disabled": that would take the focus away.
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new FormData(form),
    });
    if (answer.status === 401) goToLogin();
    if (answer.ok) addAlert((await answer.json()).alert);
  } catch {
    connection.dataset.connection = "lost";
  } finally {
    button.removeAttribute("aria-disabled");
  }
});

// A picture that is gone (erased, or never stored) leaves its empty frame.
document.addEventListener(
  "error",
  (event) => {
    if (event.target instanceof HTMLImageElement) event.target.hidden = true;
  },
  true,
);

for (const image of document.querySelectorAll("img[data-src]")) {
  if (image.complete && image.getAttribute("src") && image.naturalWidth === 0) image.hidden = true;
}
connect();
window.setInterval(catchUp, STATE_EVERY_MS);
// Browsers slow down the timers of a page that is not looked at.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) catchUp();
});
