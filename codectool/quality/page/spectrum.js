const WINDOW_SAMPLES = 2048;
const LOWEST_HZ = 50;
const HIGHEST_HZ = 20000;
const SPECTRUM_ROWS = 220;
const SPECTRUM_COLUMNS = 900;
const RANGE_DB = 78;

/* Power at the bins of a real signal as long as the window, in place, by a transform of radix 2. */
class Transform {
  constructor(size) {
    this.size = size;
    this.cos = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
    this.sin = Float64Array.from({ length: size / 2 }, (_, i) => Math.sin((2 * Math.PI * i) / size));
    this.reversed = new Uint32Array(size);
    for (let i = 0; i < size; i += 1) this.reversed[i] = (this.reversed[i >> 1] >> 1) | (i & 1 ? size >> 1 : 0);
    this.re = new Float64Array(size);
    this.im = new Float64Array(size);
  }

  /* `signal` gives the sample at an index of the window. */
  run(signal) {
    const { size, re, im, cos, sin } = this;
    for (let i = 0; i < size; i += 1) re[this.reversed[i]] = signal(i);
    im.fill(0);
    for (let half = 1; half < size; half *= 2) {
      const stride = size / (2 * half);
      for (let first = 0; first < size; first += 2 * half) {
        for (let k = 0; k < half; k += 1) {
          const [c, s, a, b] = [cos[k * stride], sin[k * stride], first + k, first + k + half];
          const r = re[b] * c + im[b] * s;
          const m = im[b] * c - re[b] * s;
          re[b] = re[a] - r;
          im[b] = im[a] - m;
          re[a] += r;
          im[a] += m;
        }
      }
    }
  }
}

const transform = new Transform(WINDOW_SAMPLES);
const hann = Float64Array.from({ length: WINDOW_SAMPLES }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW_SAMPLES));

const hertzOfRow = (row) => LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** (row / SPECTRUM_ROWS);
const rowOfHertz = (hz) => (SPECTRUM_ROWS * Math.log(hz / LOWEST_HZ)) / Math.log(HIGHEST_HZ / LOWEST_HZ);

/* The bins that a row covers: between two where the rows are narrower. */
const ROW_BINS = Array.from({ length: SPECTRUM_ROWS }, (_, row) => {
  const [low, high] = [row, row + 1].map((edge) => (hertzOfRow(edge) * WINDOW_SAMPLES) / PAGE.rate_hz);
  return high - low < 1 ? { between: (low + high) / 2 } : { first: Math.round(low), last: Math.max(Math.round(low), Math.round(high) - 1) };
});

function rowPower(power, bins) {
  if (bins.between !== undefined) {
    const [whole, part] = [Math.floor(bins.between), bins.between % 1];
    return power[whole] * (1 - part) + power[whole + 1] * part;
  }
  let sum = 0;
  for (let bin = bins.first; bin <= bins.last; bin += 1) sum += power[bin];
  return sum / (bins.last - bins.first + 1);
}

/* The channels' mean as one array. */
function monoOf(buffer) {
  const mono = Float32Array.from(buffer.getChannelData(0));
  for (let channel = 1; channel < buffer.numberOfChannels; channel += 1) {
    const other = buffer.getChannelData(channel);
    for (let i = 0; i < mono.length; i += 1) mono[i] += other[i];
  }
  return mono.map((sample) => sample / buffer.numberOfChannels);
}

/* The mono sound of a version, as loud as it is played. */
function signalOf(version) {
  version.signal ??= monoOf(version.buffer).map((sample) => sample * decibels(version.gain_db));
  return version.signal;
}

/* Levels [column * SPECTRUM_ROWS + row] in dB of a full-scale sine, low frequencies first; kept once computed. */
function spectrogramOf(version) {
  version.levels_db ??= computeSpectrogram(signalOf(version));
  return version.levels_db;
}

function computeSpectrogram(signal) {
  const levels = new Float32Array(SPECTRUM_COLUMNS * SPECTRUM_ROWS);
  const power = new Float64Array(WINDOW_SAMPLES / 2 + 1);
  for (let column = 0; column < SPECTRUM_COLUMNS; column += 1) {
    const start = Math.round(((column + 0.5) / SPECTRUM_COLUMNS) * signal.length - WINDOW_SAMPLES / 2);
    transform.run((i) => (signal[start + i] || 0) * hann[i]);
    for (let bin = 0; bin < power.length; bin += 1) {
      power[bin] = (transform.re[bin] ** 2 + transform.im[bin] ** 2) / (WINDOW_SAMPLES / 4) ** 2;
    }
    for (let row = 0; row < SPECTRUM_ROWS; row += 1) {
      levels[column * SPECTRUM_ROWS + row] = 10 * Math.log10(rowPower(power, ROW_BINS[row]) + 1e-12);
    }
  }
  return levels;
}

/* The top of the scale that all versions of a recording share. */
function topDecibels(recording) {
  recording.top_db ??= Math.ceil(spectrogramOf(recording.versions[0]).reduce((a, b) => Math.max(a, b), -120) / 5) * 5;
  return recording.top_db;
}
