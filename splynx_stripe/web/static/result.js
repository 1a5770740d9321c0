// The result page: asks for news, and loads the page again when there are some.
"use strict";

(() => {
  const watching = document.getElementById("watching");
  const GIVE_UP_AFTER_MS = 3 * 60 * 1000;
  const SLOWEST_MS = 15000;
  const began = Date.now();
  let waitMs = 700; // a booking usually takes less than a second

  async function ask() {
    try {
      const response = await fetch(watching.dataset.statusUrl, { cache: "no-store" });
      const answer = await response.json();
      if (response.ok) return answer.state;
      if (response.status === 403 || response.status === 410) return "over";
    } catch {
      // no connection just now: ask again later
    }
    return watching.dataset.state;
  }

  async function watch() {
    const state = await ask();
    if (state !== watching.dataset.state && state !== "over") {
      location.reload();
      return;
    }
    if (state === "over" || Date.now() - began > GIVE_UP_AFTER_MS) {
      watching.textContent = watching.dataset.gaveUp;
      return;
    }
    waitMs = Math.min(waitMs * 1.5, SLOWEST_MS);
    setTimeout(watch, waitMs);
  }

  setTimeout(watch, waitMs);
})();
