// Codes and audio of raw float32 samples, in Node: node roundtrip.mjs MODEL_FOLDER NAME LEVELS < in.f32 > out.f32
// The codes' sum goes to stderr, so that two programs can be compared.
import * as ort from "onnxruntime-web";
import { readFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { loadModel } from "./codec.mjs";

const [folder, name, levels] = process.argv.slice(2);
const { facts, encoder, decoder } = await loadModel(ort, name, (file) => readFile(`${folder}/${file}`));
const bytes = readFileSync(0);
const audio = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const block = 75 * facts.encoder.hop_samples;
const whole = Math.floor(audio.length / block) * block;
const parts = [];
for (let start = 0; start < whole; start += block) {
  parts.push(await encoder.push(audio.slice(start, start + block), Number(levels)));
}
parts.push(await encoder.finish(audio.slice(whole), Number(levels)));
let sum = 0n;
const pieces = [];
for (const part of parts) {
  for (const code of part.codes) sum += code;
  pieces.push(await decoder.push(part));
}
const decoded = Buffer.concat(pieces.map((piece) => Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength)));
const first = 4 * facts.decoder.latency_samples;
process.stdout.write(decoded.subarray(first, first + bytes.length));
console.error(String(sum));
