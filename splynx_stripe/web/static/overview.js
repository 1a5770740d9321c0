// The overview: how much the ticked documents are together. Without this script all works the same.
"use strict";

(() => {
  const boxes = [...document.querySelectorAll("#choice input[type=checkbox]")];
  const button = document.getElementById("pay-chosen");
  const total = document.getElementById("chosen-total");
  const { currency, exponent, locale } = total.dataset;
  const money = new Intl.NumberFormat(locale, {
    style: "currency",
    currency,
    minimumFractionDigits: Number(exponent),
  });

  function count() {
    const chosen = boxes.filter((box) => box.checked);
    const minorUnits = chosen.reduce((sum, box) => sum + Number(box.dataset.minorUnits), 0);
    button.disabled = chosen.length === 0;
    total.textContent = chosen.length ? `${money.format(minorUnits / 10 ** Number(exponent))}` : "";
  }

  for (const box of boxes) box.addEventListener("change", count);
  // A page that the browser kept shows boxes as they were left.
  window.addEventListener("pageshow", count);
  count();
})();
