"use strict";

const PAGE = JSON.parse(document.getElementById("data").textContent);
PAGE.page = JSON.parse(document.getElementById("identity").textContent).page;
const FADE_S = 0.006; // long enough not to click, too short to be heard as a fade

const byId = (id) => document.getElementById(id);
const decibels = (db) => 10 ** (db / 20);

function bytesOf(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/* Text only ever enters the page as text. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") element.className = value;
    else if (value === true) element.setAttribute(key, "");
    else if (value !== false && value !== null) element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

function nameOf(version) {
  return version.kind === "model" ? `${version.codec} ${version.label}` : version.label;
}

/* Decode all versions of a recording, once: each gets its `buffer`, the recording its `headroom` and `codes`. */
function decodeRecording(recording) {
  recording.ready ??= (async () => {
    const decoder = new OfflineAudioContext(1, 1, PAGE.rate_hz); // needs no leave to play, and resamples nothing
    await Promise.all(recording.versions.map(async (version) => {
      version.buffer = await decoder.decodeAudioData(bytesOf(version.flac).buffer);
      version.flac = null;
    }));
    let loudest = 1;
    for (const version of recording.versions) {
      for (let channel = 0; channel < version.buffer.numberOfChannels; channel += 1) {
        for (const sample of version.buffer.getChannelData(channel)) {
          loudest = Math.max(loudest, Math.abs(sample) * decibels(version.gain_db));
        }
      }
    }
    recording.headroom = 1 / loudest; // of all versions alike, so that none is clipped
    recording.codes = new Uint16Array(bytesOf(recording.codes).buffer);
    recording.shades = bytesOf(recording.shades);
  })();
  return recording.ready;
}

/* All versions of a recording sound all the time, in step; all but one with a gain of zero. */
class Player {
  constructor() {
    this.context = null;
    this.recording = null;
    this.version = null;
    this.voices = new Map();
    this.playing = false;
    this.offset_s = 0;
    this.started_s = 0;
    this.listeners = new Set();
  }

  get duration_s() {
    return this.recording ? this.recording.versions[0].buffer.duration : 0;
  }

  /* What is heard now: behind what was computed by the output's latency. */
  get position_s() {
    if (!this.playing) return this.offset_s;
    const heard_s = this.context.currentTime - this.started_s - (this.context.outputLatency || 0);
    return (this.offset_s + Math.max(0, heard_s)) % this.duration_s;
  }

  load(recording) {
    if (this.recording === recording) return;
    const playing = this.playing;
    this.stop();
    this.recording = recording;
    this.version = recording.versions[0];
    this.offset_s = 0;
    if (playing) this.play();
    this.tell();
  }

  play() {
    this.context ??= new AudioContext({ sampleRate: PAGE.rate_hz, latencyHint: "interactive" });
    this.context.resume();
    this.output ??= new GainNode(this.context);
    this.output.connect(this.context.destination);
    this.started_s = this.context.currentTime + 0.02;
    for (const version of this.recording.versions) {
      const gain = new GainNode(this.context, { gain: version === this.version ? this.loudness(version) : 0 });
      const source = new AudioBufferSourceNode(this.context, { buffer: version.buffer, loop: true });
      source.connect(gain).connect(this.output);
      source.start(this.started_s, this.offset_s);
      this.voices.set(version, { source, gain });
    }
    this.playing = true;
    this.tell();
  }

  stop() {
    if (!this.playing) return;
    this.offset_s = this.position_s;
    const end_s = this.context.currentTime + FADE_S;
    for (const { source, gain } of this.voices.values()) {
      this.fade(gain, 0);
      source.stop(end_s);
    }
    this.voices.clear();
    this.playing = false;
    this.tell();
  }

  toggle() {
    if (this.playing) this.stop();
    else if (this.recording) this.play();
  }

  seek(position_s) {
    const playing = this.playing;
    this.stop();
    this.offset_s = Math.min(Math.max(0, position_s), this.duration_s - 1 / PAGE.rate_hz);
    if (playing) this.play();
    else this.tell();
  }

  choose(version) {
    if (this.version === version) return;
    const [before, after] = [this.voices.get(this.version), this.voices.get(version)];
    this.version = version;
    if (before && after) {
      this.fade(before.gain, 0);
      this.fade(after.gain, this.loudness(version));
    }
    this.tell();
  }

  loudness(version) {
    return decibels(version.gain_db) * this.recording.headroom;
  }

  fade(node, value) {
    const now_s = this.context.currentTime;
    node.gain.cancelScheduledValues(now_s);
    node.gain.setValueAtTime(node.gain.value, now_s);
    node.gain.linearRampToValueAtTime(value, now_s + FADE_S);
  }

  tell() {
    for (const listener of this.listeners) listener();
  }
}

const player = new Player();
