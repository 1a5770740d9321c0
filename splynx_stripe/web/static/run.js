// The page of a charge run: keeps its progress up to date, and loads the page again when the run has
// another state. Without this script the page loads itself again every few seconds.
"use strict";

(() => {
  const progress = document.getElementById("progress");
  const announced = document.getElementById("announced");
  const lost = document.getElementById("lost");
  const EVERY_MS = 3000; // counting 10,000 debts costs the daemon a tenth of a second
  const SLOWEST_MS = 30000;
  const TELL_EVERY_PERCENT = 10;
  let waitMs = EVERY_MS;
  let told = -1;

  async function ask() {
    try {
      const response = await fetch(progress.dataset.url, {
        cache: "no-store", redirect: "error", headers: { Accept: "application/json" },
      });
      return response.ok ? await response.json() : null;
    } catch {
      return null; // no connection just now, or signed out meanwhile
    }
  }

  // People who listen to the page hear every tenth percent, not every figure.
  function announce(percent) {
    const step = Math.floor(percent / TELL_EVERY_PERCENT);
    if (step === told) return;
    told = step;
    const label = progress.querySelector("label");
    if (label) announced.textContent = label.textContent;
  }

  // A link that somebody is about to follow must not vanish under the finger, nor a marked text.
  function show(place, part) {
    if (!place || place.contains(document.activeElement)) return;
    const marked = getSelection();
    if (!marked.isCollapsed && place.contains(marked.anchorNode)) return;
    const parsed = new DOMParser().parseFromString(part, "text/html");
    place.replaceChildren(...parsed.body.childNodes);
  }

  async function watch() {
    const answer = await ask();
    if (answer && answer.state !== progress.dataset.state) {
      location.reload();
      return;
    }
    lost.hidden = Boolean(answer);
    if (answer) {
      show(progress, answer.progress);
      show(document.getElementById("list"), answer.list);
      announce(answer.percent);
      waitMs = EVERY_MS;
    } else {
      lost.textContent = progress.dataset.lost;
      waitMs = Math.min(waitMs * 2, SLOWEST_MS);
    }
    setTimeout(watch, document.hidden ? SLOWEST_MS : waitMs);
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) waitMs = EVERY_MS;
  });
  setTimeout(watch, EVERY_MS);
})();
