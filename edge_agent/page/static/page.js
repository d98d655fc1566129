"use strict";

const words = JSON.parse(document.body.dataset.words);
const token = document.body.dataset.token;
const language = document.documentElement.lang;

const STATE_EVERY_MS = 2000;
const AGAIN_MS = 2000;
const OLD_LIVE_S = 5; // a live camera gives several pictures a second
const DECIDING_S = 60;
const CLOCK_OFF_S = 5;
const LOOPS = [
  "door", "cards", "library", "uplink", "visit_writer", "presence", "api", "page", "watchdog",
];
const TYPES = { "-1": words.stranger, 2: words.visitor, 3: words.blacklist };

const byId = (id) => document.getElementById(id);
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// --- words -------------------------------------------------------------------------------------

function filled(word, values) {
  return words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function ago(seconds) {
  if (seconds < 5) return words.just_now;
  if (seconds < 100) return filled("ago_s", { n: seconds });
  if (seconds < 6000) return filled("ago_min", { n: Math.round(seconds / 60) });
  if (seconds < 172800) return filled("ago_h", { n: Math.round(seconds / 3600) });
  return filled("ago_d", { n: Math.round(seconds / 86400) });
}

function moment(seconds) {
  const at = new Date(seconds * 1000);
  const isToday = at.toDateString() === new Date().toDateString();
  const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit" };
  const day = isToday ? {} : { month: "short", day: "numeric" };
  return at.toLocaleString(language, { ...day, ...clock, hourCycle: "h23" });
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// --- asking the terminal -----------------------------------------------------------------------

async function ask(path, options = {}) {
  const answer = await fetch(path, { cache: "no-store", ...options });
  if (answer.status === 401) {
    location.replace("/sign-in");
    await new Promise(() => {}); // this page is on its way out
  }
  return answer;
}

async function change(path, content = {}) {
  const answer = await ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Menjin-Token": token },
    body: JSON.stringify(content),
  });
  if (answer.status === 204) return {};
  const told = await answer.json();
  if (!answer.ok) throw new Error(words["problem_" + told.problem] || words.problem_trouble);
  return told;
}

function say(text, isBad = false) {
  const message = byId("message");
  message.textContent = text;
  message.classList.toggle("bad", isBad);
}

function sayError(error) {
  say(error instanceof TypeError ? words.lost : error.message, true);
}

// --- the live picture --------------------------------------------------------------------------

const picture = byId("picture");
const note = byId("picture-note");
let watchersNote = "";
let lastState = null;

function show(blob) {
  const old = picture.src;
  picture.src = URL.createObjectURL(blob);
  picture.hidden = false;
  if (old) URL.revokeObjectURL(old);
  showNote();
}

function showNote() {
  if (!lastState) return;
  note.textContent = pictureNote(lastState);
  note.hidden = note.textContent === "";
}

function untilVisible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((done) => {
    document.addEventListener("visibilitychange", done, { once: true });
  }).then(untilVisible);
}

async function watch() {
  let number = 0;
  for (;;) {
    await untilVisible();
    try {
      const answer = await ask(`/picture?after=${number}`);
      watchersNote = answer.status === 503 ? words.problem_watchers : "";
      if (answer.status === 200) {
        number = answer.headers.get("Menjin-Picture");
        show(await answer.blob());
      } else if (!answer.ok) {
        await pause(1000 * Number(answer.headers.get("Retry-After") || 2));
      }
    } catch {
      await pause(AGAIN_MS); // the state says what is wrong
    }
  }
}

function pictureNote(state) {
  const loop = state.loops.door;
  const camera = state.camera;
  if (loop === "degraded") return words.camera_trouble;
  if (watchersNote) return watchersNote;
  if (loop === "stopped") return camera ? words.picture_ended : words.picture_none;
  if (picture.hidden || !camera) return words.picture_waiting;
  if (camera.isLive && camera.ageS > OLD_LIVE_S) {
    return filled("picture_old", { ago: ago(camera.ageS) });
  }
  return "";
}

// --- passes ------------------------------------------------------------------------------------

const rows = new Map();

function thumbnail(pass) {
  const box = element("span", "face");
  if (pass.hasPicture) {
    const image = element("img");
    image.alt = "";
    image.loading = "lazy";
    image.src = `/passes/${pass.id}/picture`;
    image.addEventListener("error", () => image.remove());
    box.append(image);
  }
  return box;
}

function outcome(pass, now) {
  if (!pass.door) {
    const isNew = now - pass.at < DECIDING_S;
    return element("span", "door", isNew ? words.door_deciding : words.door_unknown);
  }
  const box = element("span", pass.door.isOpen ? "door opened" : "door closed");
  const word = pass.door.isOpen ? words.door_open : words.door_closed;
  box.append(element("strong", "", `${pass.door.isOpen ? "✓" : "✕"} ${word}`));
  box.append(element("span", "", words["reason_" + pass.door.reason] || pass.door.reason));
  return box;
}

function passRow(pass, now) {
  const row = element("li");
  const who = element("span", "who");
  who.append(element("strong", "", pass.name || words.stranger));
  if (pass.name && TYPES[pass.type]) who.append(element("em", "", TYPES[pass.type]));
  const facts = element("span", "facts");
  const time = element("time", "", moment(pass.at));
  time.dateTime = new Date(pass.at * 1000).toISOString();
  facts.append(time);
  if (pass.isCard) facts.append(element("span", "", words.by_card));
  if (pass.similarity != null) facts.append(element("span", "", `${words.similarity} ${pass.similarity}`));
  if (pass.temperature != null) {
    facts.append(element("span", pass.isHot ? "hot" : "", `${pass.temperature.toFixed(1)} °C`));
  }
  if (pass.mask != null) facts.append(element("span", "", pass.mask ? words.mask_worn : words.mask_bare));
  row.append(thumbnail(pass), who, facts, outcome(pass, now));
  return row;
}

function showPasses(passes, now) {
  const list = byId("passes");
  const shown = passes.map((pass) => {
    const known = rows.get(pass.id);
    const isWaiting = !pass.door && known && now - pass.at < DECIDING_S + 10;
    const mark = JSON.stringify(pass);
    if (known && known.mark === mark && !isWaiting) return [pass.id, known];
    const row = passRow(pass, now);
    // The picture stays the same, so it is not fetched again.
    if (known) row.firstChild.replaceWith(known.row.firstChild);
    return [pass.id, { mark, row }];
  });
  rows.clear();
  shown.forEach(([id, kept]) => rows.set(id, kept));
  const wanted = shown.map(([, kept]) => kept.row);
  const isSame = wanted.length === list.children.length && wanted.every((row, i) => row === list.children[i]);
  if (!isSame) list.replaceChildren(...wanted);
  byId("no-passes").hidden = passes.length > 0;
}

// --- status ------------------------------------------------------------------------------------

function put(id, text, isBad = false) {
  const cell = byId(id);
  if (cell.textContent !== text) cell.textContent = text;
  cell.classList.toggle("bad", isBad);
}

function showClock(state) {
  const at = new Date(state.at);
  const parts = [at.toLocaleTimeString(language, { hourCycle: "h23" })];
  const moved = state.offsetS.toFixed(1);
  parts.push(Math.abs(state.offsetS) < 0.05
    ? words.clock_same
    : filled("clock_moved", { seconds: state.offsetS > 0 ? `+${moved}` : moved }));
  const off = Math.round((state.at - Date.now()) / 1000);
  const isOff = Math.abs(off) >= CLOCK_OFF_S;
  if (isOff) parts.push(filled("clock_browser", { seconds: -off }));
  put("clock", parts.join(" · "), isOff);
}

function showThermometer(thermometer) {
  if (!thermometer) return put("thermometer", words.no_thermometer);
  const reading = thermometer.c == null
    ? words.no_reading
    : `${thermometer.c.toFixed(1)} °C · ${ago(thermometer.ageS)}`;
  if (thermometer.works) return put("thermometer", reading);
  return put("thermometer", `${words.not_working} · ${reading}`, true);
}

function showLoops(loops) {
  const list = byId("loops");
  const place = ([name]) => (LOOPS.includes(name) ? LOOPS.indexOf(name) : LOOPS.length);
  const sorted = Object.entries(loops).sort((one, other) => place(one) - place(other));
  const wanted = sorted.map(([name, state]) => {
    const item = element("li", state);
    item.append(element("span", "", words["loop_" + name] || name));
    item.append(element("span", "state", words["state_" + state] || state));
    return item;
  });
  list.replaceChildren(...wanted);
}

function showOpenings(openings) {
  byId("openings-part").hidden = openings.length === 0;
  byId("openings").replaceChildren(...openings.map((one) => {
    const item = element("li");
    item.append(element("time", "", moment(one.at)), element("span", "", one.reason), element("small", "", one.caller));
    return item;
  }));
}

function showFile(file, known, now) {
  byId("trouble").hidden = Boolean(file);
  byId("trouble").textContent = file ? "" : words.file_trouble;
  if (!file) {
    put("people", "–");
    put("uploads", "–");
    return;
  }
  put("people", filled("people_held", { held: file.people, known }), known < file.people);
  const parked = file.parked ? ` · ${filled("uploads_parked", { count: file.parked })}` : "";
  put("uploads", `${file.pending}${parked}`, file.parked > 0);
  showPasses(file.passes, now);
  showOpenings(file.openings);
}

function showState(state) {
  const answered = { true: words.answered, false: words.unanswered }[state.isAnswered];
  put("platform", answered || words.not_known, state.isAnswered === false);
  const isComplete = state.libraryAgeS != null;
  put("library", isComplete ? filled("library_age", { ago: ago(state.libraryAgeS) }) : words.library_never);
  showClock(state);
  showThermometer(state.thermometer);
  showLoops(state.loops);
  showFile(state.file, state.known, state.at / 1000);
  lastState = state;
  showNote();
}

function showLost(isLost) {
  byId("lost").hidden = !isLost;
  byId("lost").textContent = isLost ? words.lost : "";
  document.body.classList.toggle("is-lost", isLost);
}

async function follow() {
  for (;;) {
    await untilVisible();
    try {
      const answer = await ask("/state");
      if (!answer.ok) throw new Error(String(answer.status));
      showState(await answer.json());
      showLost(false);
    } catch {
      showLost(true);
    }
    await pause(STATE_EVERY_MS);
  }
}

// --- buttons -----------------------------------------------------------------------------------

const dialog = byId("ask");
const why = byId("why");
const sure = byId("sure");
let confirmation = "";

byId("open").addEventListener("click", () => {
  why.hidden = false;
  sure.hidden = true;
  byId("reason").value = "";
  say("");
  dialog.showModal();
  byId("reason").focus();
});

dialog.querySelectorAll("[data-close]").forEach((button) => {
  button.addEventListener("click", () => dialog.close());
});

why.addEventListener("submit", async (event) => {
  event.preventDefault();
  const reason = byId("reason").value;
  try {
    confirmation = (await change("/open", { reason })).confirm;
    byId("sure-reason").textContent = reason;
    why.hidden = true;
    sure.hidden = false;
    sure.querySelector("[data-close]").focus(); // so that a second Enter opens nothing
  } catch (error) {
    dialog.close();
    sayError(error);
  }
});

sure.addEventListener("submit", async (event) => {
  event.preventDefault();
  dialog.close();
  try {
    await change("/open", { confirm: confirmation });
    say(words.opened);
  } catch (error) {
    sayError(error);
  }
});

byId("sync").addEventListener("click", async () => {
  try {
    await change("/sync");
    say(words.sync_asked);
  } catch (error) {
    sayError(error);
  }
});

byId("sign-out").addEventListener("click", async () => {
  try {
    await change("/sign-out");
    location.replace("/sign-in");
  } catch (error) {
    sayError(error);
  }
});

watch();
follow();
