const PARTS = { explore: exploreKey, blind: blindKey, abx: abxKey, about: () => false };

const partNow = () => (location.hash.slice(1) in PARTS ? location.hash.slice(1) : "explore");

/* Show one part of the page; each begins silent, and Explore with what it showed before. */
function showPart() {
  if (location.hash === "#content") return;
  player.stop();
  for (const name of Object.keys(PARTS)) byId(name).hidden = name !== partNow();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${partNow()}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (partNow() === "explore" && explore.recording) {
    player.load(explore.recording);
    player.choose(explore.version);
    showVersion();
  } else if (partNow() === "blind" && !byId("blind-trial").hidden) {
    player.load(blind.order[blind.at].recording);
    hearBlind(0);
  } else if (partNow() === "abx" && !byId("abx-trial").hidden) {
    player.load(abx.recording);
    hearAbx("x");
  }
}

/* Typing into a field, and arrows where they already mean something, are left alone. */
function keepsKey(target, key) {
  if (target.matches("select, textarea, input:not([type=radio], [type=checkbox], [type=range])")) return true;
  if (target.matches("input[type=radio], input[type=range]") && key.startsWith("Arrow")) return true;
  return key === " " && target.matches("button, a, summary, input[type=checkbox]") && target.id !== "play";
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || keepsKey(event.target, event.key) || !player.recording) return;
  const part = partNow();
  const trial = byId(`${part}-trial`);
  const sounds = part === "explore" || (trial && !trial.hidden);
  if (event.key === " " && sounds) player.toggle();
  else if (!PARTS[part](event)) return;
  event.preventDefault();
}

function showPlaying() {
  document.body.classList.toggle("playing", player.playing);
  byId("play").querySelector("span").textContent = player.playing ? "Pause" : "Play";
  for (const name of ["blind-play", "abx-play"]) byId(name).textContent = player.playing ? "Pause" : "Play";
}

function follow() {
  if (partNow() === "explore") showFrame(false);
  requestAnimationFrame(follow);
}

async function begin() {
  for (const note of PAGE.notes) byId("notes").append(make("li", {}, note));
  byId("made-by").textContent = `Made by ${PAGE.made_by}; model ${PAGE.model.name}, ${PAGE.model.frame_rate_hz} frames a second, ${PAGE.model.levels} levels of ${PAGE.model.codebook_size} codes. Page ${PAGE.page}.`;
  document.title = `${PAGE.recordings[0].tags.title || PAGE.recordings[0].name} \u2013 codec listen`;
  beginExplore();
  setUpBlind();
  setUpAbx();
  player.listeners.add(showPlaying);
  addEventListener("hashchange", showPart);
  addEventListener("keydown", pressed);
  await showRecording(PAGE.recordings[0]);
  showPart();
  const redraw = () => partNow() === "explore" && showVersion();
  darkness.addEventListener("change", redraw);
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; redraw(); } });
  requestAnimationFrame(follow);
  document.documentElement.dataset.ready = "true";
}

begin().catch((error) => {
  byId("trouble").hidden = false;
  byId("trouble").textContent = `This browser cannot play the page: ${error.message}. A current Firefox, Chrome, Edge or Safari can.`;
  console.error(error);
});
