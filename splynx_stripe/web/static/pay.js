// The payment page: Stripe's Payment Element, and the steps from "Pay" to the result page.
//
// Nothing is charged before confirmPayment. Once it was called, only the server knows what
// happened, so everything unclear leads to the result page, which asks; never to a second try.
"use strict";

(() => {
  const form = document.getElementById("payment");
  const button = document.getElementById("pay");
  const buttonText = document.getElementById("pay-text");
  const problem = document.getElementById("problem");
  const progress = document.getElementById("progress");
  const loading = document.getElementById("loading");
  const cardForm = document.getElementById("card-form");
  const reload = document.getElementById("reload");
  const texts = form.dataset;
  const LOAD_TIMEOUT_MS = 20000;
  const START_TIMEOUT_MS = 45000;
  const MAY_PRESS_AGAIN = ["not_started", "try_again", "too_many", "unreachable", "cannot_identify"];
  let busy = false;
  let isFormReady = false;
  let stripe;
  let elements;
  const save = document.getElementById("save");

  // Focus moves to the sentence, unless Stripe has put it into the field that is wrong.
  function say(message, { isAboutField = false } = {}) {
    problem.textContent = message;
    problem.hidden = false;
    if (!isAboutField) problem.focus();
  }

  function setBusy(isBusy) {
    busy = isBusy;
    button.disabled = isBusy || !isFormReady;
    buttonText.textContent = isBusy ? texts.textPaying : texts.textPay;
    progress.textContent = isBusy ? texts.textPaying : "";
    form.setAttribute("aria-busy", String(isBusy));
    if (isBusy) problem.hidden = true;
  }

  function giveUpLoading() {
    if (isFormReady) return;
    cardForm.hidden = true;
    button.hidden = true;
    reload.hidden = false;
    say(texts.textNotLoaded);
  }

  function formIsReady() {
    isFormReady = true;
    cardForm.hidden = false;
    button.hidden = false;
    problem.hidden = true;
    reload.hidden = true;
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
        fontSizeBase: css.fontSize, // whoever reads in large letters types in them too
        borderRadius: "10px",
      },
    };
  }

  function showForm() {
    stripe = window.Stripe(texts.publishableKey);
    // Stripe.js renamed the option with its endive release; the evergreen v3 has the old name.
    const types = /\/v3\/?$/.test(texts.stripeJs) ? "paymentMethodTypes" : "allowedPaymentMethodTypes";
    elements = stripe.elements({
      mode: "payment",
      amount: Number(texts.amount),
      currency: texts.currency,
      locale: texts.locale,
      appearance: appearance(),
      [types]: texts.types.split(" "),
    });
    if (save) {
      save.addEventListener("change", () => {
        // null is how Stripe.js takes the wish back.
        elements.update({ setupFutureUsage: save.checked ? "off_session" : null });
      });
    }
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
        body: JSON.stringify({ ticket: texts.ticket, save: Boolean(save && save.checked) }),
        signal: controller.signal,
      });
      return await response.json();
    } catch {
      return { state: "not_started", message: texts.textNotStarted };
    } finally {
      clearTimeout(timer);
    }
  }

  // Answers with what to say, or with nothing when the browser is on its way elsewhere.
  async function pay() {
    const check = await elements.submit();
    if (check.error) return { message: reasonOf(check.error), isAboutField: true };
    const started = await start();
    if (["paid", "received", "processing"].includes(started.state)) {
      location.assign(started.result_url);
      return null;
    }
    if (!started.client_secret) {
      const canPressAgain = MAY_PRESS_AGAIN.includes(started.state);
      reload.hidden = canPressAgain;
      button.hidden = !canPressAgain;
      return { message: started.message || texts.textNotStarted };
    }
    return confirm(started);
  }

  // The errors after which it is sure that no money was taken.
  function isRefusal(error) {
    const isUnconfirmed = error.code === "payment_intent_authentication_failure";
    return isUnconfirmed || error.type === "card_error" || error.type === "validation_error";
  }

  function reasonOf(error) {
    return error.message ? `${error.message} ${texts.textNotTaken}` : texts.textDeclined;
  }

  async function confirm(started) {
    const resultUrl = new URL(started.result_url, location.href).href;
    let answer;
    try {
      answer = await stripe.confirmPayment({
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
      said = await pay();
    } catch {
      said = { message: texts.textNotStarted }; // confirm() has its own catch: nothing was charged
    }
    if (said === null) return;
    setBusy(false);
    say(said.message, said);
  });

  // A page that the browser kept while the customer went on may show what is not true any more.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  loadStripe();
})();
