// Asks for the sentiment of what is in the field, a moment after the last key.
"use strict";

const review = document.getElementById("review");
const answer = document.getElementById("answer");
const scale = document.getElementById("scale");
const share = document.getElementById("share");
const pause = 150;  // milliseconds

let timer;
let latest = 0;  // the number of the edit whose answer may be shown
let request = new AbortController();

function show(kind, text, positive) {
  answer.className = kind;
  answer.textContent = text;
  scale.hidden = positive === undefined;
  if (positive !== undefined) share.value = positive;
}

async function ask(number) {
  const text = review.value.toWellFormed ? review.value.toWellFormed() : review.value;
  request = new AbortController();
  try {
    const response = await fetch("answer", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ text }),
      signal: request.signal,
    });
    const said = await response.json();
    if (number !== latest) return;
    if (!response.ok) return show("failed", said.error);
    const positive = said.label === "positive" ? said.probability : 1 - said.probability;
    show(said.label, `${said.label} ${said.probability.toFixed(3)}`, positive);
  } catch {
    if (number === latest) show("failed", "The server does not answer.");
  }
}

review.addEventListener("input", () => {
  const number = ++latest;
  clearTimeout(timer);
  request.abort();
  if (review.value.trim() === "") return show("", "");
  timer = setTimeout(ask, pause, number);
});
