// A codectool model on onnxruntime-web, in a browser or in Node: the files are those of `codec export-onnx`.

/** One half of a model with the state of one stream: blocks go in, blocks come out. */
class Stream {
  constructor(ort, session, facts) {
    Object.assign(this, { ort, session, facts });
    this.reset();
  }

  /** Begin a new stream: all states are zeros. */
  reset() {
    this.states = this.facts.state_shapes.map((shape) => {
      const size = shape.reduce((product, length) => product * length, 1);
      return new this.ort.Tensor("float32", new Float32Array(size), [1, ...shape]);
    });
  }

  async run(inputs, output) {
    this.states.forEach((state, number) => (inputs[`state_${number}`] = state));
    const outputs = await this.session.run(inputs);
    this.states = this.states.map((_, number) => outputs[`next_state_${number}`]);
    return outputs[output];
  }
}

export class Encoder extends Stream {
  /**
   * Encode mono audio at the model's rate, a Float32Array of whole hops.
   * Gives { codes, levels, frames }: a BigInt64Array, level after level.
   */
  async push(audio, levels) {
    const { Tensor } = this.ort;
    const codes = await this.run(
      {
        audio: new Tensor("float32", audio, [1, 1, audio.length]),
        levels: new Tensor("int64", BigInt64Array.of(BigInt(levels)), []),
      },
      "codes",
    );
    return { codes: codes.data, levels, frames: codes.dims[2] };
  }

  /** Encode the last audio, of any length: it is filled up with silence, and frames that complete it follow. */
  async finish(audio, levels) {
    const { hop_samples: hop, finish_frames: frames } = this.facts;
    const padded = new Float32Array((Math.ceil(audio.length / hop) + frames) * hop);
    padded.set(audio);
    const last = await this.push(padded, levels);
    this.reset();
    return last;
  }
}

export class Decoder extends Stream {
  /** Decode codes as Encoder gives them; the first `latency_samples` of a stream come before its audio. */
  async push({ codes, levels, frames }) {
    const tensor = new this.ort.Tensor("int64", codes, [1, levels, frames]);
    return (await this.run({ codes: tensor }, "audio")).data;
  }
}

/** Load a model: `read` gives the content of one of its files as a Uint8Array. */
export async function loadModel(ort, name, read) {
  const facts = JSON.parse(new TextDecoder().decode(await read(`${name}.json`)));
  const open = async (half) => ort.InferenceSession.create(await read(`${name}.${half}.onnx`));
  return {
    facts,
    encoder: new Encoder(ort, await open("encoder"), facts.encoder),
    decoder: new Decoder(ort, await open("decoder"), facts.decoder),
  };
}
