// The payment page: the steps from "Pay" to the result page. The form itself is in stripe_form.js.
"use strict";

(() => {
  const form = document.getElementById("payment");
  const save = document.getElementById("save");
  const texts = form.dataset;
  const MAY_PRESS_AGAIN = ["not_started", "try_again", "too_many", "unreachable", "cannot_identify"];

  const stripeForm = window.stripeForm({
    form,
    button: document.getElementById("pay"),
    buttonText: document.getElementById("pay-text"),
    textReady: texts.textPay,
    textBusy: texts.textPaying,
    textRefused: texts.textNotTaken,
    act: pay,
  });

  // The errors after which it is sure that no money was taken.
  function isRefusal(error) {
    const isUnconfirmed = error.code === "payment_intent_authentication_failure";
    return isUnconfirmed || error.type === "card_error" || error.type === "validation_error";
  }

  async function pay() {
    const wrong = await stripeForm.check();
    if (wrong) return wrong;
    const started = await stripeForm.start({
      ticket: texts.ticket,
      save: Boolean(save && save.checked),
    });
    if (["paid", "received", "processing"].includes(started.state)) {
      location.assign(started.result_url);
      return null;
    }
    if (!started.client_secret) {
      stripeForm.offerReload(!MAY_PRESS_AGAIN.includes(started.state));
      return { message: started.message || texts.textNotStarted };
    }
    return stripeForm.confirm("confirmPayment", started, isRefusal);
  }

  stripeForm.load({ mode: "payment", amount: Number(texts.amount) }, (elements) => {
    if (!save) return;
    save.addEventListener("change", () => {
      // null is how Stripe.js takes the wish back.
      elements.update({ setupFutureUsage: save.checked ? "off_session" : null });
    });
  });
})();
