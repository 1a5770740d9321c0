// Copies a new payment link. Without this script the address can be selected and copied by hand.
"use strict";
const address = document.getElementById("made");
const button = document.getElementById("copy");
address.select();
button.hidden = false;
button.addEventListener("click", async () => {
  address.select();
  try {
    await navigator.clipboard.writeText(address.value);
  } catch {
    // Splynx's frame may not allow the clipboard; the selected text can be copied by hand.
    if (!document.execCommand("copy")) return;
  }
  button.textContent = button.dataset.copied;
});
