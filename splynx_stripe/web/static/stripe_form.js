// The form that holds Stripe's Payment Element, for paying (pay.js) and for saving (credentials.js):
// loading it, saying what is wrong, being busy, asking our server to begin, asking Stripe to confirm.
//
// Until `confirm` is called nothing is charged and nothing is saved. Once it was called, only the
// server knows what happened, so everything unclear leads to the result page, which asks; never to
// a second try.
"use strict";

window.stripeForm = ({ form, button, buttonText, textReady, textBusy, textRefused, act }) => {
  const problem = document.getElementById("problem");
  const progress = document.getElementById("progress");
  const loading = document.getElementById("loading");
  const cardForm = document.getElementById("card-form");
  const reload = document.getElementById("reload");
  const texts = form.dataset;
  const LOAD_TIMEOUT_MS = 20000;
  const START_TIMEOUT_MS = 45000;
  let busy = false;
  let isFormReady = false;
  let stripe;
  let elements;

  // Focus moves to the sentence, unless Stripe has put it into the field that is wrong.
  function say(message, { isAboutField = false } = {}) {
    problem.textContent = message;
    problem.hidden = false;
    if (!isAboutField) problem.focus();
  }

  function setBusy(isBusy) {
    busy = isBusy;
    button.disabled = isBusy || !isFormReady;
    buttonText.textContent = isBusy ? textBusy : textReady;
    progress.textContent = isBusy ? textBusy : "";
    form.setAttribute("aria-busy", String(isBusy));
    if (isBusy) problem.hidden = true;
  }

  function giveUpLoading() {
    if (isFormReady) return;
    cardForm.hidden = true;
    offerReload(true);
    say(texts.textNotLoaded);
  }

  function formIsReady() {
    isFormReady = true;
    cardForm.hidden = false;
    offerReload(false);
    problem.hidden = true;
    loading.hidden = true;
    if (!busy) button.disabled = false;
  }

  // Where pressing again does not help, loading the page again may.
  function offerReload(isOffered) {
    button.hidden = isOffered;
    if (reload) reload.hidden = !isOffered;
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

  function showForm(options, whenMade) {
    stripe = window.Stripe(texts.publishableKey);
    // Stripe.js renamed the option with its endive release; the evergreen v3 has the old name.
    const types = /\/v3\/?$/.test(texts.stripeJs) ? "paymentMethodTypes" : "allowedPaymentMethodTypes";
    elements = stripe.elements({
      ...options,
      currency: texts.currency,
      locale: texts.locale,
      appearance: appearance(),
      [types]: texts.types.split(" "),
    });
    whenMade(elements);
    const element = elements.create("payment", { layout: "tabs" });
    element.on("ready", formIsReady);
    element.on("loaderror", giveUpLoading);
    element.mount("#payment-element");
  }

  function load(options, whenMade = () => {}) {
    const script = document.createElement("script");
    script.src = texts.stripeJs;
    script.async = true;
    script.addEventListener("load", () => {
      try {
        showForm(options, whenMade);
      } catch {
        giveUpLoading();
      }
    });
    script.addEventListener("error", giveUpLoading);
    document.head.append(script);
    setTimeout(giveUpLoading, LOAD_TIMEOUT_MS);
  }

  // Answers with what our server said, or with a state of its own where it said nothing.
  async function start(body) {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), START_TIMEOUT_MS);
    try {
      const response = await fetch(texts.startUrl, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal: controller.signal,
      });
      return await response.json();
    } catch {
      return { state: "not_started", message: texts.textNotStarted };
    } finally {
      clearTimeout(timer);
    }
  }

  function reasonOf(error) {
    return error.message ? `${error.message} ${textRefused}` : texts.textDeclined;
  }

  // Answers with what is wrong with what was entered, or with nothing.
  async function check() {
    const { error } = await elements.submit();
    return error ? { message: reasonOf(error), isAboutField: true } : null;
  }

  // Hands it to Stripe. `isRefusal` knows the errors after which it is sure that nothing happened.
  async function confirm(method, started, isRefusal) {
    const resultUrl = new URL(started.result_url, location.href).href;
    let answer;
    try {
      answer = await stripe[method]({
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

  // `act` answers with what to say, or with nothing when the browser is on its way elsewhere.
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy || !isFormReady) return;
    setBusy(true);
    let said;
    try {
      said = await act();
    } catch {
      said = { message: texts.textNotStarted }; // confirm() has its own catch: nothing happened
    }
    if (said === null) return;
    setBusy(false);
    say(said.message, said);
  });

  // A page that the browser kept while the person went on may show what is not true any more.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });

  return { check, confirm, load, offerReload, start };
};
