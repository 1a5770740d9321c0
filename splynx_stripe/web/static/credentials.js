// Saving a card or bank account: Stripe's Payment Element, and the steps from "Save" to the result.
//
// Nothing is saved before confirmSetup, and no money is taken at all. Once it was called, only the
// server knows what happened, so everything unclear leads to the result page, which asks.
"use strict";

(() => {
  const form = document.getElementById("saving");
  const button = document.getElementById("save");
  const buttonText = document.getElementById("save-text");
  const problem = document.getElementById("problem");
  const progress = document.getElementById("progress");
  const loading = document.getElementById("loading");
  const cardForm = document.getElementById("card-form");
  const agree = document.getElementById("agree");
  const texts = form.dataset;
  const LOAD_TIMEOUT_MS = 20000;
  const START_TIMEOUT_MS = 45000;
  let busy = false;
  let isFormReady = false;
  let stripe;
  let elements;

  function say(message, { isAboutField = false } = {}) {
    problem.textContent = message;
    problem.hidden = false;
    if (!isAboutField) problem.focus();
  }

  function setBusy(isBusy) {
    busy = isBusy;
    button.disabled = isBusy || !isFormReady;
    buttonText.textContent = isBusy ? texts.textSaving : texts.textSave;
    progress.textContent = isBusy ? texts.textSaving : "";
    form.setAttribute("aria-busy", String(isBusy));
    if (isBusy) problem.hidden = true;
  }

  function giveUpLoading() {
    if (isFormReady) return;
    cardForm.hidden = true;
    button.hidden = true;
    say(texts.textNotLoaded);
  }

  function formIsReady() {
    isFormReady = true;
    cardForm.hidden = false;
    button.hidden = false;
    problem.hidden = true;
    loading.hidden = true;
    if (!busy) button.disabled = false;
  }

  function appearance() {
    const css = getComputedStyle(document.documentElement);
    const colour = (name) => css.getPropertyValue(name).trim();
    return {
      theme: matchMedia("(prefers-color-scheme: dark)").matches ? "night" : "stripe",
      variables: {
        colorPrimary: colour("--accent"),
        colorBackground: colour("--sheet"),
        colorText: colour("--text"),
        colorDanger: colour("--bad"),
        fontFamily: "system-ui, sans-serif",
        fontSizeBase: css.fontSize,
        borderRadius: "10px",
      },
    };
  }

  function showForm() {
    stripe = window.Stripe(texts.publishableKey);
    // Stripe.js renamed the option with its endive release; the evergreen v3 has the old name.
    const types = /\/v3\/?$/.test(texts.stripeJs) ? "paymentMethodTypes" : "allowedPaymentMethodTypes";
    elements = stripe.elements({
      mode: "setup",
      currency: texts.currency,
      setupFutureUsage: "off_session",
      locale: texts.locale,
      appearance: appearance(),
      [types]: [texts.stripeType],
    });
    const element = elements.create("payment", { layout: "tabs" });
    element.on("ready", formIsReady);
    element.on("loaderror", giveUpLoading);
    element.mount("#payment-element");
  }

  function loadStripe() {
    const script = document.createElement("script");
    script.src = texts.stripeJs;
    script.async = true;
    script.addEventListener("load", () => {
      try {
        showForm();
      } catch {
        giveUpLoading();
      }
    });
    script.addEventListener("error", giveUpLoading);
    document.head.append(script);
    setTimeout(giveUpLoading, LOAD_TIMEOUT_MS);
  }

  async function start() {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), START_TIMEOUT_MS);
    try {
      const response = await fetch(texts.startUrl, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({
          form_token: texts.formToken,
          kind: texts.kind,
          agreed: agree ? agree.checked : true,
        }),
        signal: controller.signal,
      });
      return await response.json();
    } catch {
      return { message: texts.textNotStarted };
    } finally {
      clearTimeout(timer);
    }
  }

  // The errors after which it is sure that nothing was saved.
  function reasonOf(error) {
    return error.message ? `${error.message} ${texts.textNotSaved}` : texts.textDeclined;
  }

  function isRefusal(error) {
    const isUnconfirmed = error.code === "setup_intent_authentication_failure";
    return isUnconfirmed || ["card_error", "validation_error", "invalid_request_error"].includes(error.type);
  }

  // Answers with what to say, or with nothing when the browser is on its way elsewhere.
  async function save() {
    if (agree && !agree.checked) return { message: texts.textAgree };
    const check = await elements.submit();
    if (check.error) return { message: reasonOf(check.error), isAboutField: true };
    const started = await start();
    if (!started.client_secret) return { message: started.message || texts.textNotStarted };
    const resultUrl = new URL(started.result_url, location.href).href;
    let answer;
    try {
      answer = await stripe.confirmSetup({
        elements,
        clientSecret: started.client_secret,
        confirmParams: { return_url: resultUrl },
        redirect: "if_required",
      });
    } catch {
      answer = {};
    }
    if (answer.error && isRefusal(answer.error)) return { message: reasonOf(answer.error) };
    location.assign(resultUrl);
    return null;
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy || !isFormReady) return;
    setBusy(true);
    let said;
    try {
      said = await save();
    } catch {
      said = { message: texts.textNotStarted };
    }
    if (said === null) return;
    setBusy(false);
    say(said.message, said);
  });

  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  loadStripe();
})();
