const blind = { order: [], at: 0, rows: [], listener: "" };
const abx = { rows: [], right: 0 };
const TESTED_MAX = 9; // so that each has a key

/* Versions of a recording by the name of their condition. */
const byName = (recording, name) => recording.versions.find((version) => nameOf(version) === name);

async function decodeAll() {
  await Promise.all(PAGE.recordings.map(decodeRecording));
}

function press(buttons, pressed) {
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === pressed));
}

function begun(prefix) {
  byId(`${prefix}-setup`).hidden = true;
  byId(`${prefix}-result`).hidden = true;
  byId(`${prefix}-trial`).hidden = false;
}

function again(prefix) {
  const button = make("button", { type: "button" }, "Once more");
  button.addEventListener("click", () => { byId(`${prefix}-result`).hidden = true; byId(`${prefix}-setup`).hidden = false; });
  return button;
}

function ended(prefix, ...content) {
  player.stop();
  byId(`${prefix}-trial`).hidden = true;
  byId(`${prefix}-result`).hidden = false;
  byId(`${prefix}-result`).replaceChildren(...content);
  byId(`${prefix}-result`).querySelector("[tabindex]").focus();
}

/* The blind test of BS.1534's kind. */
function setUpBlind() {
  const names = PAGE.recordings[0].versions.map(nameOf);
  byId("blind-conditions").append(...names.map((name, place) => {
    const always = place < 2;
    const words = place === 0 ? "the original, hidden" : place === 1 ? "the 3.5 kHz anchor" : name;
    return make("label", {}, make("input", { type: "checkbox", value: name, checked: place < TESTED_MAX, disabled: always }), words);
  }));
  byId("blind-setup").listener.value = anonymous();
  byId("blind-setup").addEventListener("submit", (event) => { event.preventDefault(); beginBlind(); });
  byId("blind-play").addEventListener("click", () => player.toggle());
  byId("blind-next").addEventListener("click", nextBlind);
  byId("blind-trial").querySelector(".reference button").addEventListener("click", () => hearBlind(0));
}

async function beginBlind() {
  const form = byId("blind-setup");
  const names = [...form.querySelectorAll("input[type=checkbox]:checked")].map((input) => input.value);
  if (names.length > TESTED_MAX) {
    const last = form.querySelectorAll("input[type=checkbox]:checked")[TESTED_MAX];
    last.setCustomValidity(`Compare ${TESTED_MAX} at most, the original and the anchor among them.`);
    last.reportValidity();
    last.setCustomValidity("");
    return;
  }
  await decodeAll();
  blind.listener = form.listener.value.trim() || anonymous();
  blind.rows = [];
  blind.at = 0;
  blind.order = shuffled(PAGE.recordings).map((recording) => ({ recording, versions: shuffled(names.map((name) => byName(recording, name))) }));
  begun("blind");
  showBlind();
}

function showBlind() {
  const { recording, versions } = blind.order[blind.at];
  player.stop();
  player.load(recording);
  byId("blind-heading").textContent = `Recording ${blind.at + 1} of ${blind.order.length}: ${recording.tags.title || recording.name}`;
  byId("blind-rows").replaceChildren(...versions.map((version, place) => {
    const button = make("button", { type: "button", class: "choice", "data-place": place + 1, "aria-pressed": "false", "aria-label": `Play version ${place + 1}` }, String(place + 1));
    button.addEventListener("click", () => hearBlind(place + 1));
    const output = make("output", { "aria-hidden": "true" }, "\u2013");
    const slider = make("input", { type: "range", min: 0, max: 100, value: 50, class: "unrated", "aria-label": `Rating of version ${place + 1}`, "aria-valuetext": "not rated" });
    slider.addEventListener("input", () => {
      slider.rated = true;
      slider.classList.remove("unrated");
      output.textContent = slider.value;
      slider.setAttribute("aria-valuetext", slider.value);
      slider.style.setProperty("--at", `${slider.value}%`);
      byId("blind-next").disabled = !allRated();
    });
    slider.addEventListener("focus", () => hearBlind(place + 1)); // what is being rated is what is heard
    return make("li", {}, button, slider, output);
  }));
  byId("blind-next").textContent = blind.at + 1 < blind.order.length ? "Next" : "Finish";
  byId("blind-next").disabled = true;
  hearBlind(0);
  byId("blind-heading").focus();
}

const sliders = () => [...byId("blind-rows").querySelectorAll("input")];
const allRated = () => sliders().every((slider) => slider.rated);

function hearBlind(place) {
  const { recording, versions } = blind.order[blind.at];
  player.choose(place ? versions[place - 1] : originalOf(recording));
  const buttons = [...byId("blind-trial").querySelectorAll(".choice")];
  press(buttons, buttons[place]);
}

function nextBlind() {
  const { recording, versions } = blind.order[blind.at];
  const values = sliders().map((slider) => Number(slider.value));
  versions.forEach((version, place) => blind.rows.push({
    page: PAGE.page, listener: blind.listener, test: "mushra", recording: recording.name, trial: blind.at + 1,
    condition: nameOf(version), kbps: kbpsOf(recording, version), value: values[place],
  }));
  blind.at += 1;
  if (blind.at < blind.order.length) showBlind();
  else endBlind();
}

function endBlind() {
  const conditions = [...new Set(blind.rows.map((row) => row.condition))];
  const means = conditions.map((condition) => {
    const values = blind.rows.filter((row) => row.condition === condition).map((row) => row.value);
    return [condition, values.reduce((a, b) => a + b, 0) / values.length];
  }).sort((a, b) => b[1] - a[1]);
  const rows = means.map(([condition, mean]) => make("tr", {}, make("th", { scope: "row" }, condition), make("td", {}, mean.toFixed(0))));
  const head = make("tr", {}, make("th", { scope: "col" }, "version"), make("th", { scope: "col" }, "your rating"));
  ended("blind", make("h2", { tabindex: -1 }, "What you said"), make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)),
    make("p", { class: "quiet" }, "One listener is an anecdote: save the file, ask others, and let codec listen --results make the table."),
    make("div", { class: "buttons" }, saveButton(blind.rows, `mushra-${blind.listener}.csv`), again("blind")));
}

/* The test of whether two versions can be told apart at all. */
function setUpAbx() {
  const form = byId("abx-setup");
  const names = PAGE.recordings[0].versions.map(nameOf);
  for (const select of [form.a, form.b]) select.append(...names.map((name) => make("option", {}, name)));
  const middle = stopsOf(PAGE.recordings[0]).find((stop) => stop.nominal_bps >= 6000) || stopsOf(PAGE.recordings[0]).at(-1);
  form.b.value = nameOf(middle);
  form.recording.append(...PAGE.recordings.map((recording, place) => make("option", { value: place }, recording.tags.title || recording.name)));
  form.listener.value = anonymous();
  form.addEventListener("submit", (event) => { event.preventDefault(); beginAbx(); });
  byId("abx-play").addEventListener("click", () => player.toggle());
  for (const button of byId("abx-trial").querySelectorAll("[data-letter]")) button.addEventListener("click", () => hearAbx(button.dataset.letter));
  for (const letter of ["a", "b"]) byId(`abx-${letter}`).addEventListener("click", () => answerAbx(letter));
}

async function beginAbx() {
  const form = byId("abx-setup");
  form.b.setCustomValidity(form.a.value === form.b.value ? "Choose two different versions." : "");
  if (!form.reportValidity()) return form.b.setCustomValidity("");
  const recording = PAGE.recordings[Number(form.recording.value)];
  await decodeRecording(recording);
  Object.assign(abx, { recording, a: byName(recording, form.a.value), b: byName(recording, form.b.value) });
  Object.assign(abx, { rounds: Number(form.rounds.value), listener: form.listener.value.trim() || anonymous(), rows: [], right: 0 });
  player.load(recording);
  begun("abx");
  showAbx();
}

function showAbx() {
  abx.x = Math.random() < 0.5 ? "a" : "b";
  byId("abx-heading").textContent = `Round ${abx.rows.length + 1} of ${abx.rounds}`;
  player.stop();
  player.seek(0);
  hearAbx("x");
  byId("abx-heading").focus();
}

function hearAbx(letter) {
  player.choose(abx[letter === "x" ? abx.x : letter]);
  const buttons = [...byId("abx-trial").querySelectorAll("[data-letter]")];
  press(buttons, buttons.find((button) => button.dataset.letter === letter));
}

function answerAbx(letter) {
  const right = Number(letter === abx.x);
  abx.right += right;
  abx.rows.push({
    page: PAGE.page, listener: abx.listener, test: "abx", recording: abx.recording.name, trial: abx.rows.length + 1,
    condition: `${nameOf(abx.a)} | ${nameOf(abx.b)}`, kbps: kbpsOf(abx.recording, abx.b), value: right,
  });
  if (abx.rows.length < abx.rounds) showAbx();
  else endAbx();
}

function endAbx() {
  const chance = chanceOf(abx.right, abx.rounds);
  const heard = chance < 0.05 ? "You can tell them apart." : "That says nothing yet: by guessing it happens too often.";
  ended("abx", make("h2", { tabindex: -1 }, `${nameOf(abx.a)} or ${nameOf(abx.b)}`),
    make("p", { class: "verdict" }, `${abx.right} of ${abx.rounds} right, p = ${chance < 0.001 ? "under 0.001" : chance.toFixed(3)}`),
    make("p", {}, `${heard} p is how likely so many, or more, are by guessing.`),
    make("div", { class: "buttons" }, saveButton(abx.rows, `abx-${abx.listener}.csv`), again("abx")));
}

/* Half a second back or on, wherever an arrow has no other meaning. */
function arrowKey(event) {
  const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (way) player.seek(player.position_s + way * STEP_S);
  return Boolean(way);
}

function blindKey(event) {
  if (byId("blind-trial").hidden) return false;
  if (arrowKey(event)) return true;
  const place = "0123456789".indexOf(event.key);
  if (place < 0 || place > blind.order[blind.at].versions.length) return false;
  hearBlind(place);
  return true;
}

function abxKey(event) {
  if (byId("abx-trial").hidden) return false;
  if (arrowKey(event)) return true;
  const letter = event.key.toLowerCase();
  if (!["a", "b", "x"].includes(letter)) return false;
  hearAbx(letter);
  return true;
}
