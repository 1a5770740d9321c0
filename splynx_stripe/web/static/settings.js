// The settings page: says what is wrong as a field is left, and tries settings out without leaving.
"use strict";

(() => {
  const form = document.getElementById("settings");
  const touched = new Set();
  let asked = 0;

  function say(key, sentence) {
    const place = form.querySelector(`[data-wrong="${key}"]`);
    if (!place) return;
    place.textContent = sentence || "";
    place.hidden = !sentence;
    for (const control of form.querySelectorAll(`[aria-describedby~="wrong-${key}"]`)) {
      if (sentence) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  }

  function show(wrong, all) {
    for (const place of form.querySelectorAll("[data-wrong]")) {
      const key = place.dataset.wrong;
      if (all || touched.has(key) || !wrong[key]) say(key, wrong[key]);
    }
  }

  async function send(url, extra) {
    const body = new URLSearchParams(new FormData(form));
    for (const [name, value] of Object.entries(extra)) body.set(name, value);
    const response = await fetch(url, {
      method: "POST", body, cache: "no-store", headers: { Accept: "application/json" },
    });
    if (!response.ok) throw new Error(String(response.status));
    return response.json();
  }

  function keyOf(control) {
    const described = control.getAttribute("aria-describedby") || "";
    const found = described.match(/wrong-(\S+)/);
    return found ? found[1] : control.closest("[data-key]")?.dataset.key;
  }

  async function check(control) {
    const key = keyOf(control);
    if (!key) return;
    touched.add(key);
    if (key === "account") for (const one of ["publishable_key", "secret_key"]) touched.add(one);
    const number = ++asked;
    try {
      const wrong = await send(form.dataset.check, {});
      if (number === asked) show(wrong, false); // an older answer is about an older form
    } catch {
      // no answer just now: saving checks everything again
    }
  }

  // Who enters a value means it: the choice "Own value" follows.
  form.addEventListener("input", (event) => {
    const setting = event.target.closest(".setting");
    if (!setting || event.target.type === "radio") return;
    const own = setting.querySelector('input[type="radio"][value="yes"]');
    if (own) own.checked = true;
  });

  // Who goes back to the inherited value leaves what was typed behind.
  function restore(setting) {
    const key = setting.dataset.key;
    const was = form.elements.namedItem(`was.${key}`);
    for (const control of setting.querySelectorAll("input:not([type=radio]):not([type=hidden]), select, textarea")) {
      if (control.type === "checkbox") control.checked = control.defaultChecked;
      else if (control.tagName === "SELECT") {
        for (const option of control.options) option.selected = option.defaultSelected;
      } else control.value = control.defaultValue;
      if (was && control.name === key) control.value = was.value;
    }
  }

  form.addEventListener("change", (event) => {
    const setting = event.target.closest(".setting");
    if (setting && event.target.type === "radio" && event.target.value === "no") restore(setting);
    void check(event.target);
  });

  function line(found) {
    const item = document.createElement("li");
    const state = document.createElement("span");
    state.className = `state ${found.well ? "state-good" : "state-bad"}`;
    state.textContent = found.well ? form.dataset.well : form.dataset.bad;
    item.append(state, ` ${found.text}`);
    if (found.mend && !found.well) {
      const mend = document.createElement("span");
      mend.className = "quiet";
      mend.textContent = ` ${found.mend}`;
      item.append(mend);
    }
    return item;
  }

  async function tryOut(button) {
    const place = document.getElementById(`trial-${button.dataset.trial}`);
    place.textContent = form.dataset.busy;
    button.setAttribute("aria-disabled", "true");
    try {
      const answer = await send(form.dataset.try, { try: button.value });
      show(answer.wrong, true);
      const list = document.createElement("ul");
      list.className = "findings";
      list.append(...answer.lines.map(line));
      place.replaceChildren(...(answer.lines.length ? [list] : []));
      const first = form.querySelector('[aria-invalid="true"]');
      if (first) first.focus();
    } catch {
      place.textContent = form.dataset.failed;
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }

  form.addEventListener("submit", (event) => {
    const button = event.submitter;
    if (!button || !button.dataset.trial) return;
    event.preventDefault();
    if (button.getAttribute("aria-disabled") !== "true") void tryOut(button);
  });

  // After a refusal the first wrong field is where to go on.
  const first = form.querySelector('[aria-invalid="true"]');
  if (first) first.focus();
})();
