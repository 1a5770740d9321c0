// Saving a card or bank account: the steps from "Save" to the result. The form is in stripe_form.js.
"use strict";

(() => {
  const form = document.getElementById("saving");
  const agree = document.getElementById("agree");
  const texts = form.dataset;

  const stripeForm = window.stripeForm({
    form,
    button: document.getElementById("save"),
    buttonText: document.getElementById("save-text"),
    textReady: texts.textSave,
    textBusy: texts.textSaving,
    textRefused: texts.textNotSaved,
    act: save,
  });

  // The errors after which it is sure that nothing was saved.
  function isRefusal(error) {
    const isUnconfirmed = error.code === "setup_intent_authentication_failure";
    return isUnconfirmed || ["card_error", "validation_error", "invalid_request_error"].includes(error.type);
  }

  async function save() {
    if (agree && !agree.checked) return { message: texts.textAgree };
    const wrong = await stripeForm.check();
    if (wrong) return wrong;
    const started = await stripeForm.start({
      form_token: texts.formToken,
      kind: texts.kind,
      agreed: agree ? agree.checked : true,
    });
    if (!started.client_secret) return { message: started.message || texts.textNotStarted };
    return stripeForm.confirm("confirmSetup", started, isRefusal);
  }

  stripeForm.load({ mode: "setup", setupFutureUsage: "off_session" });
})();
