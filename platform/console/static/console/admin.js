"use strict";
// Copy buttons: <button data-copy="id of what to copy" data-done="word to show">.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
  } catch {
    // The clipboard is closed on plain http: select the text and let the old command copy it.
    window.getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) return;
  }
  const word = button.textContent;
  button.textContent = button.dataset.done;
  window.setTimeout(() => {
    button.textContent = word;
  }, 1500);
});
// Rows of a form are cards on a telephone: each field bears the name of its column.
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll(".inline-group .tabular table")) {
    const names = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    for (const row of table.querySelectorAll("tr.form-row")) {
      [...row.cells].forEach((cell, at) => {
        if (names[at]) cell.dataset.label = names[at];
      });
    }
  }
});
