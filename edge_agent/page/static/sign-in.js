"use strict";

const form = document.getElementById("sign-in");
const field = document.getElementById("password");
const message = document.getElementById("message");
const button = form.querySelector("button");
const words = JSON.parse(form.dataset.words);

function tell(answer) {
  const word = words["problem_" + answer.problem] || words.problem_trouble;
  message.textContent = word.replace("{seconds}", answer.seconds);
}

async function signIn() {
  const answer = await fetch("/sign-in", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ password: field.value }),
  });
  if (answer.status === 204) {
    location.replace("/");
    return;
  }
  tell(await answer.json());
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  button.disabled = true;
  message.textContent = "";
  try {
    await signIn();
  } catch {
    message.textContent = words.lost;
  } finally {
    button.disabled = false;
  }
  field.select();
});
