const explore = { recording: null, version: null, difference: false };
const STEP_S = 0.5;

const originalOf = (recording) => recording.versions[0];
const stopsOf = (recording) => recording.versions.filter((version) => version.kind === "model");
const audible = (recording) => [...stopsOf(recording), originalOf(recording)];
const grouped = (number) => Math.round(number).toLocaleString("en").replaceAll(",", "\u202f");

/* Levels whose codes are sent: all of a recording's tokens are drawn, those beyond them pale. */
const levelsSent = () => explore.version.levels || 0;

async function showRecording(recording) {
  await decodeRecording(recording);
  const before = explore.version && explore.version.label;
  explore.recording = recording;
  const stops = stopsOf(recording);
  const usual = stops.find((stop) => stop.nominal_bps >= 6000) || stops.at(-1);
  explore.version = recording.versions.find((version) => version.label === before) || usual;
  player.load(recording);
  player.choose(explore.version);
  byId("title").textContent = recording.tags.title || recording.name;
  const by = recording.tags.artist ? `${recording.tags.artist}; ` : "";
  const channels = recording.channels === 1 ? "mono" : `${recording.channels} channels`;
  const from = recording.start_s ? ` from ${recording.start_s.toFixed(1)} s on` : "";
  byId("subtitle").textContent = `${by}${recording.duration_s.toFixed(1)} s of ${recording.name}${from}, ${recording.rate_hz / 1000} kHz, ${channels}`;
  byId("length").textContent = `of ${recording.duration_s.toFixed(2)} s`;
  byId("seek").max = recording.duration_s;
  buildDial(recording);
  buildTable(recording);
  showVersion();
}

function radio(group, version, checked, ...inside) {
  const input = make("input", { type: "radio", name: group, checked });
  input.addEventListener("change", () => choose(version));
  version.input = input;
  return make("label", { class: group === "stop" ? "stop" : "" }, input, ...inside);
}

function buildDial(recording) {
  const stops = stopsOf(recording).map((version) => {
    const plural = version.levels === 1 ? "level" : "levels";
    return radio("stop", version, version === explore.version, make("i"), make("b", {}, version.label.replace(" kbps", "")), make("small", { class: "unit" }, "kbps"), make("small", {}, `${version.levels} ${plural}`));
  });
  const original = radio("stop", originalOf(recording), originalOf(recording) === explore.version, make("i"), make("b", {}, "Original"), make("small", { class: "unit" }, "no codec"));
  original.classList.add("original");
  byId("dial").querySelector(".stops").replaceChildren(...stops, original);
  const peers = recording.versions.filter((version) => version.kind === "peer");
  const pills = peers.map((version) => radio("stop", version, version === explore.version, make("span", {}, version.label)));
  for (const pill of pills) pill.className = "";
  byId("others").hidden = !peers.length;
  byId("others").replaceChildren(byId("others").querySelector("legend"), ...pills);
}

function choose(version) {
  explore.version = version;
  player.choose(version);
  version.input.checked = true;
  showVersion();
}

/* One more or fewer along the dial, the original at its end. */
function turn(by) {
  const along = audible(explore.recording);
  const at = along.indexOf(explore.version);
  choose(along[at < 0 ? along.length - 1 : Math.min(along.length - 1, Math.max(0, at + by))]);
}

function showVersion() {
  const { recording, version } = explore;
  const along = audible(recording);
  const at = along.indexOf(version);
  document.querySelectorAll(".stop").forEach((stop, place) => stop.classList.toggle("below", place <= at));
  showFacts(recording, version);
  const levels = levelsSent();
  const difference = explore.difference && version.kind !== "original";
  const [original, heard] = [signalOf(originalOf(recording)), signalOf(version)];
  drawWave(byId("wave"), original, difference ? heard.map((sample, i) => sample - original[i]) : heard);
  drawSpectrogram(byId("spectrogram"), recording, version, difference);
  drawTokens(byId("tokens"), recording, levels);
  drawCurve(byId("curve"), recording, levels);
  drawUse(byId("use"), recording, levels);
  byId("scale").textContent = difference ? "blue: lost, orange: added; 30 dB either way" : `${topDecibels(recording) - RANGE_DB} to ${topDecibels(recording)} dB, the same for all`.replaceAll("-", "\u2212");
  byId("tokens-said").textContent = levels ? `${levels} of ${PAGE.model.levels} levels sent, alike where the codes are` : "none are sent here; in colour once you choose levels";
  byId("wave").setAttribute("aria-label", `Waveform of ${nameOf(version)} before that of the original`);
  byId("spectrogram").setAttribute("aria-label", `${difference ? "Difference of the spectrogram from the original's" : "Spectrogram"}: ${nameOf(version)}, 50 Hz to 20 kHz`);
  byId("tokens").setAttribute("aria-label", `Grid of ${PAGE.model.levels} levels by ${recording.frames} frames of tokens, ${levels} levels sent`);
  for (const row of byId("table").querySelectorAll("tbody tr")) row.toggleAttribute("aria-current", row.version === version);
  drawAxes(recording);
  showFrame(true);
}

function showFacts(recording, version) {
  const bytes = version.bytes ?? recording.pcm_bytes;
  const kbps = (8 * bytes) / recording.duration_s / 1000;
  const facts = [[kbps < 100 ? kbps.toFixed(2) : kbps.toFixed(0), version.bytes ? "kbps in the file" : "kbps as 16-bit PCM"], [grouped(bytes), "bytes"]];
  if (version.bytes) facts.push([`${(recording.pcm_bytes / bytes).toFixed(recording.pcm_bytes < 100 * bytes ? 1 : 0)} ×`, "smaller than 16-bit PCM"]);
  if (version.levels) {
    facts.push([grouped(version.levels * PAGE.model.frame_rate_hz), "tokens a second"]);
    facts.push([grouped(version.levels * recording.frames), "tokens in the excerpt"]);
  }
  byId("facts").replaceChildren(...facts.map(([value, term]) => make("div", {}, make("dt", {}, term), make("dd", {}, value))));
}

function buildTable(recording) {
  const shown = recording.versions.filter((version) => version.bytes);
  const metrics = PAGE.metrics.filter((metric) => shown.some((version) => version.scores[metric.key] !== undefined));
  const head = ["", "kbps", "bytes", ...metrics.map((metric) => metric.title)];
  const rows = shown.map((version) => {
    const scores = metrics.map((metric) => version.scores[metric.key]?.toFixed(metric.digits).replace("-", "\u2212") ?? "none");
    const cells = [((8 * version.bytes) / recording.duration_s / 1000).toFixed(2), grouped(version.bytes), ...scores];
    const row = make("tr", {}, make("th", { scope: "row" }, nameOf(version)), ...cells.map((cell) => make("td", {}, cell)));
    row.version = version;
    return row;
  });
  byId("table").replaceChildren(
    make("caption", { class: "visually-hidden" }, "Rates and scores of all versions"),
    make("thead", {}, make("tr", {}, ...head.map((cell) => (cell ? make("th", { scope: "col" }, cell) : make("td"))))),
    make("tbody", {}, ...rows),
  );
  const left = PAGE.notes.filter((note) => note.includes("left out"));
  byId("table-note").textContent = [metrics.length ? "Higher is better, but for the mel distance. Scores like these and ears can disagree." : "No scores were asked for.", ...left].join(" ");
}

function drawAxes(recording) {
  const height = byId("spectrogram").clientHeight;
  byId("hertz").replaceChildren(...[100, 300, 1000, 3000, 10000].map((hz) => at((rowOfHertz(hz) / SPECTRUM_ROWS) * height, hz < 1000 ? `${hz} Hz` : `${hz / 1000} kHz`)));
  const rows = PAGE.model.levels;
  const tall = byId("tokens").clientHeight;
  const marked = [1, ...stopsOf(recording).map((stop) => stop.levels).filter((levels) => levels > rows / 12), rows];
  byId("rows").replaceChildren(...[...new Set(marked)].map((level) => at(tall * (1 - (level - 0.5) / rows), String(level))));
  const every = [0.5, 1, 2, 5, 10].find((step) => recording.duration_s / step <= 10);
  const marks = [];
  for (let second = 0; second < recording.duration_s * 0.985; second += every) {
    const mark = make("span", {}, second ? `${second} s` : "0");
    mark.style.left = `${(100 * second) / recording.duration_s}%`;
    marks.push(mark);
  }
  byId("seconds").replaceChildren(...marks);
}

function at(bottom, text) {
  const mark = make("span", {}, text);
  mark.style.bottom = `${bottom}px`;
  return mark;
}

/* Follow the playhead; the codes of its frame are written where somebody may read them. */
let shownFrame = -1;
function showFrame(force) {
  const { recording } = explore;
  if (!recording) return;
  const position_s = player.recording === recording ? player.position_s : 0;
  byId("time").textContent = position_s.toFixed(2);
  if (document.activeElement !== byId("seek") || player.playing) byId("seek").value = position_s;
  byId("seek").style.setProperty("--at", `${(100 * position_s) / recording.duration_s}%`);
  byId("seek").setAttribute("aria-valuetext", `${position_s.toFixed(1)} seconds`);
  const box = byId("wave");
  byId("playhead").style.left = `${46 + (box.clientWidth * position_s) / recording.duration_s}px`;
  const frame = Math.min(recording.frames - 1, Math.floor(position_s * PAGE.model.frame_rate_hz));
  if (frame === shownFrame && !force) return;
  shownFrame = frame;
  byId("frame-name").textContent = `frame ${frame}:`;
  const codes = Array.from({ length: PAGE.model.levels }, (_, level) => recording.codes[level * recording.frames + frame]);
  const sent = levelsSent();
  const rest = codes.slice(sent).join(" ");
  byId("frame-codes").replaceChildren(codes.slice(0, sent).join(" "), make("span", { class: "unsent" }, rest && ` not sent: ${rest}`));
}

function placeOf(event) {
  const box = byId("wave").getBoundingClientRect();
  return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
}

function showTip(event) {
  const box = byId("tokens").getBoundingClientRect();
  const inside = event.clientY >= box.top && event.clientY < box.bottom && event.clientX >= box.left && event.clientX < box.right;
  byId("tip").hidden = !inside;
  if (!inside) return;
  const { recording } = explore;
  const level = Math.floor(((event.clientY - box.top) / box.height) * PAGE.model.levels);
  const frame = Math.min(recording.frames - 1, Math.floor(placeOf(event) * recording.frames));
  const code = recording.codes[level * recording.frames + frame];
  const count = useOf(recording, level).counts.get(code);
  byId("tip").textContent = `Code ${code}, level ${level + 1}, frame ${frame}. It occurs ${count === 1 ? "once" : `${count} times`} in ${recording.frames} frames, ${((100 * count) / recording.frames).toFixed(1)} %.`;
  const holder = byId("tracks").getBoundingClientRect();
  byId("tip").style.left = `${Math.max(0, Math.min(event.clientX - holder.left + 12, holder.width - 250))}px`;
  byId("tip").style.top = `${event.clientY - holder.top + 16}px`;
}

function exploreKey(event) {
  const number = "0123456789".indexOf(event.key);
  if (number === 0) choose(originalOf(explore.recording));
  else if (number > 0 && stopsOf(explore.recording)[number - 1]) choose(stopsOf(explore.recording)[number - 1]);
  else if (event.key === "ArrowUp") turn(1);
  else if (event.key === "ArrowDown") turn(-1);
  else if (event.key === "d" || event.key === "D") byId("drawn").querySelector("input:not(:checked)").click();
  else if (event.key === "r" || event.key === "R") nextRecording();
  else return arrowKey(event);
  return true;
}

function nextRecording() {
  const inputs = [...byId("recordings").querySelectorAll("input")];
  if (inputs.length) inputs[(inputs.findIndex((input) => input.checked) + 1) % inputs.length].click();
}

function beginExplore() {
  if (PAGE.recordings.length > 1) {
    byId("recordings").append(...PAGE.recordings.map((recording, place) => {
      const input = make("input", { type: "radio", name: "recording", checked: place === 0 });
      input.addEventListener("change", () => showRecording(recording));
      return make("label", {}, input, make("span", {}, recording.tags.title || recording.name));
    }));
  }
  byId("play").addEventListener("click", () => player.toggle());
  byId("seek").addEventListener("input", (event) => player.seek(Number(event.target.value)));
  for (const input of byId("drawn").querySelectorAll("input")) {
    input.addEventListener("change", () => { explore.difference = input.value === "difference"; showVersion(); });
  }
  const tracks = byId("tracks");
  const seek = (event) => player.seek(placeOf(event) * explore.recording.duration_s);
  tracks.addEventListener("pointerdown", (event) => { if (event.button === 0) { tracks.setPointerCapture(event.pointerId); seek(event); } });
  tracks.addEventListener("pointermove", (event) => { if (tracks.hasPointerCapture(event.pointerId)) seek(event); showTip(event); });
  tracks.addEventListener("pointerleave", () => { byId("tip").hidden = true; });
}
