const darkness = matchMedia("(prefers-color-scheme: dark)");
const DIFFERENCE_RANGE_DB = 30;
const SVG = "http://www.w3.org/2000/svg";

/* With a true minus sign. */
const signed = (value) => value.toFixed(1).replace("-", "\u2212");

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

/* 256 colours [r, g, b] through these stops, evenly spaced. */
function ramp(...stops) {
  const parsed = stops.map((stop) => [1, 3, 5].map((at) => parseInt(stop.slice(at, at + 2), 16)));
  return Array.from({ length: 256 }, (_, i) => {
    const place = (i / 255) * (parsed.length - 1);
    const low = Math.min(parsed.length - 2, Math.floor(place));
    return parsed[low].map((value, channel) => value + (parsed[low + 1][channel] - value) * (place - low));
  });
}

const TOKENS = ramp("#2b2a6b", "#2f5fa6", "#2f9aa0", "#7cc08a", "#f0d978", "#ee9a4f", "#c9473c");
const RAMPS = {
  light: {
    sound: ramp("#f3efe6", "#c6ddd3", "#6fb5ab", "#1f7f86", "#1b4a72", "#191c3f"),
    difference: ramp("#1d4f91", "#6f9fd0", "#f3efe6", "#e39a5c", "#a33c05"),
    tokens: { colours: TOKENS, paper: [239, 235, 226] },
  },
  dark: {
    sound: ramp("#101417", "#132f3d", "#155e6b", "#2d9c8c", "#9bd38a", "#fdf3b0"),
    difference: ramp("#7fb8ff", "#2c5c96", "#14181b", "#99501d", "#ffb27a"),
    tokens: { colours: TOKENS, paper: [27, 32, 36] },
  },
};
const ramps = () => RAMPS[darkness.matches ? "dark" : "light"];

/* A canvas ready to draw on, in CSS pixels: [context, width, height]. */
function cleared(canvas) {
  const { width, height } = canvas.getBoundingClientRect();
  const scale = devicePixelRatio || 1;
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  return [context, width, height];
}

/* Draw an image of so many cells, each a colour [r, g, b] by column and row from the top, over all of a canvas. */
function drawCells(canvas, columns, rows, cell, smooth) {
  const image = new ImageData(columns, rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const at = 4 * (row * columns + column);
      [image.data[at], image.data[at + 1], image.data[at + 2]] = cell(column, row);
      image.data[at + 3] = 255;
    }
  }
  const small = new OffscreenCanvas(columns, rows);
  small.getContext("2d").putImageData(image, 0, 0);
  const [context, width, height] = cleared(canvas);
  context.imageSmoothingEnabled = smooth;
  context.drawImage(small, 0, 0, width, height);
}

function drawWave(canvas, original, shown) {
  const [context, width, height] = cleared(canvas);
  const loudest = original.reduce((most, sample) => Math.max(most, Math.abs(sample)), 1e-4);
  for (const [signal, fill] of [[original, colour("wave-back")], [shown, colour("accent")]]) {
    if (!signal) continue;
    context.fillStyle = fill;
    for (let x = 0; x < width; x += 1) {
      let [low, high] = [0, 0];
      const end = Math.floor(((x + 1) / width) * signal.length);
      for (let i = Math.floor((x / width) * signal.length); i < end; i += 1) {
        if (signal[i] < low) low = signal[i];
        else if (signal[i] > high) high = signal[i];
      }
      const y = (value) => height / 2 - (Math.max(-1, Math.min(1, value / loudest)) * (height - 2)) / 2;
      context.fillRect(x, y(high), 1, Math.max(1, y(low) - y(high)));
    }
  }
}

function drawSpectrogram(canvas, recording, version, difference) {
  const levels = spectrogramOf(version);
  const reference = spectrogramOf(recording.versions[0]);
  const top_db = topDecibels(recording);
  const colours = difference ? ramps().difference : ramps().sound;
  const floor_db = top_db - RANGE_DB;
  drawCells(canvas, SPECTRUM_COLUMNS, SPECTRUM_ROWS, (column, row) => {
    const at = column * SPECTRUM_ROWS + SPECTRUM_ROWS - 1 - row;
    const heard_db = Math.max(levels[at], floor_db); // below it nothing is drawn, so no difference either
    const place = difference
      ? 0.5 + (heard_db - Math.max(reference[at], floor_db)) / (2 * DIFFERENCE_RANGE_DB)
      : (heard_db - floor_db) / RANGE_DB;
    return colours[Math.round(255 * Math.max(0, Math.min(1, place)))];
  }, true);
}

/* Similar codes of a level have similar colours; those that are not sent are a shadow of theirs. */
function drawTokens(canvas, recording, levelsSent) {
  const rows = PAGE.model.levels;
  const { tokens } = ramps();
  const paper = tokens.paper;
  const shadows = tokens.colours.map((rgb) => rgb.map((value, channel) => paper[channel] + (value - paper[channel]) * 0.16));
  drawCells(canvas, recording.frames, rows, (frame, level) => (level < levelsSent ? tokens.colours : shadows)[recording.shades[level * recording.frames + frame]], false);
  if (levelsSent > 0 && levelsSent < rows) {
    const context = canvas.getContext("2d");
    const { width, height } = canvas.getBoundingClientRect();
    context.fillStyle = colour("ink");
    context.fillRect(0, (levelsSent / rows) * height - 0.75, width, 1.5);
  }
}

/* How often each code of a level occurs in the excerpt, and the information in them. */
function useOf(recording, level) {
  recording.use ??= [];
  recording.use[level] ??= (() => {
    const counts = new Map();
    for (const code of recording.codes.subarray(level * recording.frames, (level + 1) * recording.frames)) {
      counts.set(code, (counts.get(code) || 0) + 1);
    }
    let bits = 0;
    for (const count of counts.values()) bits -= (count / recording.frames) * Math.log2(count / recording.frames);
    return { counts, bits };
  })();
  return recording.use[level];
}

function svg(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

function plot(holder, label, ...children) {
  holder.replaceChildren(svg("svg", { class: "plot", viewBox: "0 0 480 230", role: "img", "aria-label": label }, ...children));
}

/* Both errors against the number of levels, each on a scale of its own. */
function drawCurve(holder, recording, levels) {
  const points = recording.curve.filter((point) => point.error_db !== null && point.mel_db !== null);
  if (points.length < 2) return holder.replaceChildren("This excerpt is silent, or the model has one level.");
  const most = points.at(-1).levels;
  const x = (count) => 46 + (388 * Math.log2(count)) / Math.log2(most);
  const lines = [];
  const ticks = points.map((point) => point.levels).filter((count) => (count & (count - 1)) === 0 || count === most);
  for (const count of ticks) {
    lines.push(svg("line", { class: "rule", x1: x(count), x2: x(count), y1: 18, y2: 190 }));
    lines.push(svg("text", { x: x(count), y: 207, "text-anchor": "middle" }, String(count)));
  }
  lines.push(svg("text", { x: 240, y: 225, "text-anchor": "middle" }, "levels"));
  for (const [key, side, word] of [["error_db", 40, "error left, dB"], ["mel_db", 440, "mel distance, dB"]]) {
    const values = points.map((point) => point[key]);
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const y = (value) => 184 - (150 * (value - low)) / (high - low || 1);
    const name = key === "error_db" ? "error" : "mel";
    const anchor = key === "error_db" ? "end" : "start";
    lines.push(svg("polyline", { class: name, points: points.map((point) => `${x(point.levels)},${y(point[key])}`).join(" ") }));
    for (const value of [low, high]) lines.push(svg("text", { x: side, y: y(value) + 4, "text-anchor": anchor }, signed(value)));
    lines.push(svg("text", { class: `${name}-word`, x: key === "error_db" ? 6 : 474, y: 12, "text-anchor": key === "error_db" ? "start" : "end" }, word));
    const here = points.find((point) => point.levels === levels);
    if (here) lines.push(svg("circle", { class: `mark-${name}`, cx: x(levels), cy: y(here[key]), r: 6 }));
  }
  const words = points.map((point) => `${point.levels}: ${signed(point.error_db)} and ${signed(point.mel_db)}`);
  plot(holder, `Error and mel distance in dB by levels. ${words.join("; ")}`, ...lines);
}

function drawUse(holder, recording, levelsSent) {
  const rows = PAGE.model.levels;
  const whole = Math.ceil(Math.log2(PAGE.model.codebook_size));
  const reachable = Math.min(whole, Math.log2(recording.frames));
  const step = 424 / rows;
  const y = (bits) => 190 - (165 * bits) / whole;
  const bars = [];
  const words = [];
  for (let level = 0; level < rows; level += 1) {
    const { counts, bits } = useOf(recording, level);
    const at = { x: 46 + level * step + step * 0.12, width: step * 0.76 };
    bars.push(svg("rect", { class: "whole", ...at, y: y(whole), height: 190 - y(whole) }));
    const title = `level ${level + 1}: ${bits.toFixed(1)} bits, ${counts.size} of ${PAGE.model.codebook_size} codes`;
    bars.push(svg("rect", { class: level < levelsSent ? "bar" : "bar unsent", ...at, y: y(bits), height: 190 - y(bits) }, svg("title", {}, title)));
    words.push(title);
    if ((level + 1) % Math.ceil(rows / 8) === 0) bars.push(svg("text", { x: at.x + at.width / 2, y: 207, "text-anchor": "middle" }, String(level + 1)));
  }
  bars.push(svg("line", { class: "rule", x1: 46, x2: 470, y1: y(reachable), y2: y(reachable) }));
  bars.push(svg("text", { x: 470, y: y(reachable) - 5, "text-anchor": "end" }, `most that ${recording.frames} frames can show: ${reachable.toFixed(1)}`));
  for (const bits of [0, whole]) bars.push(svg("text", { x: 38, y: y(bits) + 4, "text-anchor": "end" }, bits ? `${bits} bits` : "0"));
  bars.push(svg("text", { x: 258, y: 225, "text-anchor": "middle" }, "level"));
  plot(holder, `Information in the codes. ${words.join("; ")}`, ...bars);
}
