"use strict";
// The progress of a request is fetched again until nothing is open any more.
const PAUSE_MS = 1500;
async function refresh() {
  const shown = document.getElementById("mj-progress");
  if (!shown || !("open" in shown.dataset)) return;
  try {
    const address = new URL(window.location.href);
    address.searchParams.set("part", "1");
    const answer = await fetch(address, { redirect: "error" });
    if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const part = page.getElementById("mj-progress");
      if (part) shown.replaceWith(part);
    }
  } catch {
    // The platform is away for a moment; what is shown stays, and it is asked again.
  }
  window.setTimeout(refresh, PAUSE_MS);
}
window.setTimeout(refresh, PAUSE_MS / 3);
