"""What could run the built-in encoder on the CPU: `python -m benchmarks.engines [--engines NAMES]`.

Each engine, in a process of its own and in turn: what importing it and getting the model ready takes, how
long a second of audio takes in blocks of a second and of eight, on one thread and in two runs side by side, a
single frame, and the size of what has to be installed. numpy is the network written down plainly, its GELU
approximated; openvino (if installed) runs the files of `codec export-onnx`. 6 kbps, the search included.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

WEIGHTS = Path(__file__).parents[1] / "weights" / "base_24khz.safetensors"
TABLE = Path(__file__).with_suffix(".csv")
LEVELS, HOP_SAMPLES = 8, 320
BLOCKS_FRAMES = (75, 600)
REPEATS = 12
PACKAGES = {
    "torch": ("torch", "sympy", "mpmath", "networkx", "jinja2", "markupsafe", "filelock", "fsspec"),
    "onnxruntime": ("onnxruntime", "flatbuffers", "protobuf", "packaging"),
    "openvino": ("openvino", "openvino-telemetry"),
    "numpy": (),
}

Encode = Callable[[Any], Any]


def ours(engine: str) -> Encode:
    """Return a step of the encoder by one of our own engines."""
    from codectool.models.loading import load

    encoder = load("base_24khz", WEIGHTS, precision="float32", engine=engine).encoder
    state = encoder.initial_state(1)
    return lambda audio: encoder.step(audio, state, LEVELS)


def openvino(folder: Path) -> Encode:
    """Return the encoder on OpenVINO."""
    import numpy as np
    import openvino

    facts = json.loads((folder / "base_24khz.json").read_text())["encoder"]
    config = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(folder / "base_24khz.encoder.onnx", "CPU", config)
    states = {
        f"state_{k}": np.zeros((1, *shape), np.float32) for k, shape in enumerate(facts["state_shapes"])
    }

    def encode(audio: Any) -> Any:
        request = compiled.create_infer_request()
        return request.infer({"audio": audio, "levels": np.array(LEVELS), **states})

    return encode


def numpy() -> Encode:
    """Return the encoder in plain NumPy, for a stream's start."""
    import numpy as np
    from numpy.lib.stride_tricks import sliding_window_view
    from safetensors import safe_open

    with safe_open(WEIGHTS, framework="numpy") as file:
        w = {name: file.get_tensor(name).astype(np.float32) for name in file.keys() if name[:3] != "dec"}  # noqa: SIM118
    parts = [f"encoder.parts.{number}." for number in range(15)]
    codebooks = w["quantizer.codebooks"]
    biases = -(codebooks**2).sum(2) / 2
    window = np.sin(np.pi * (np.arange(2 * HOP_SAMPLES) + 0.5) / (2 * HOP_SAMPLES)).astype(np.float32)

    def norm(x: Any, name: str = "") -> Any:
        x = x - x.mean(1, keepdims=True)
        x /= np.sqrt((x * x).mean(1, keepdims=True) + 1e-5)
        return x * w[name + "weight"] + w[name + "bias"] if name else x

    def linear(x: Any, name: str) -> Any:
        return x @ w[name + "weight"].T + w[name + "bias"]

    def block(x: Any, part: str) -> Any:
        padded = np.concatenate((np.zeros((6, x.shape[1]), np.float32), x))
        taps = w[part + "depthwise.convolution.weight"][:, 0].T
        y = w[part + "depthwise.convolution.bias"] + sum(padded[k : k + len(x)] * taps[k] for k in range(7))
        y = linear(norm(y, part + "norm."), part + "expand.")
        y *= 0.5 * (1 + np.tanh(0.7978845608 * (y + 0.044715 * y * y * y)))
        return x + w[part + "scale"] * linear(y, part + "project.")

    def encode(audio: Any) -> Any:
        samples = np.concatenate((np.zeros(HOP_SAMPLES, np.float32), audio[0, 0]))
        frames = sliding_window_view(samples, 2 * HOP_SAMPLES)[::HOP_SAMPLES] * window
        spectrum = np.fft.rfft(frames, norm="ortho")
        real, imaginary = spectrum.real.astype(np.float32), spectrum.imag.astype(np.float32)
        log_power = np.log(real**2 + imaginary**2 + np.float32(1e-10))
        gain = np.exp(log_power * np.float32(-0.35))
        x = np.concatenate((real * gain, imaginary * gain, log_power * np.float32(0.1)), axis=1)
        x = norm(linear(x, parts[2] + "module."), parts[3] + "module.")
        for part in parts[4:12]:
            x = block(x, part)
        residual = norm(linear(norm(x, parts[12] + "module."), parts[13] + "module."))
        codes = []
        for level in range(LEVELS):
            codes.append((residual @ codebooks[level].T + biases[level]).argmax(1))
            residual = residual - codebooks[level][codes[-1]]
        return np.stack(codes)

    return encode


def measure(engine: str, folder: Path) -> dict[str, float]:
    """Return what one engine takes, in this process."""
    started_s = time.perf_counter()
    __import__(engine)
    imported_s = time.perf_counter()
    makers = {"numpy": numpy, "openvino": lambda: openvino(folder)}
    encode = makers.get(engine, lambda: ours(engine))()
    import numpy as np

    noise = np.random.default_rng(0).normal(0, 0.1, (1, 1, HOP_SAMPLES * max(BLOCKS_FRAMES)))
    noise = noise.astype(np.float32)
    encode(noise[:, :, :HOP_SAMPLES])
    figures = {"import_s": imported_s - started_s, "ready_s": time.perf_counter() - imported_s}
    for frames in BLOCKS_FRAMES:
        audio = np.ascontiguousarray(noise[:, :, : frames * HOP_SAMPLES])
        figures[f"ms_a_s_in_blocks_of_{frames}"] = 75 / frames * _median_ms(lambda: encode(audio), REPEATS)  # noqa: B023
    with ThreadPoolExecutor(2) as pool:
        both = _median_ms(lambda: list(pool.map(encode, (audio, audio))), REPEATS)
    figures["ms_a_s_two_side_by_side"] = 75 / (2 * frames) * both
    frame = np.ascontiguousarray(noise[:, :, :HOP_SAMPLES])
    figures["ms_one_frame"] = _median_ms(lambda: encode(frame), 300)
    figures["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def _median_ms(run: Callable[[], object], repeats: int) -> float:
    times_s = []
    for _ in range(repeats):
        started_s = time.perf_counter()
        run()
        times_s.append(time.perf_counter() - started_s)
    return 1000 * statistics.median(times_s)


def installed_mib(engine: str) -> float:
    """Return the size of all files of the packages that an engine adds to numpy."""
    total = 0
    for package in PACKAGES[engine]:
        for file in importlib.metadata.files(package) or ():
            path = Path(str(file.locate()))
            total += path.stat().st_size if path.is_file() else 0
    return total / 2**20


def main() -> None:
    """Measure in turn, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", default="torch,onnxruntime,openvino,numpy")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # engine and folder: measure here
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one[0], Path(arguments.one[1]))))
        return
    from benchmarks.machine import write_table

    found: dict[str, list[dict[str, float]]] = {name: [] for name in arguments.engines.split(",")}
    one_thread = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "codectool", "export-onnx", folder, "-q"], check=True)
        for _ in range(arguments.rounds):
            for engine, rounds in found.items():
                command = [sys.executable, "-m", "benchmarks.engines", "--one", engine, folder]
                done = subprocess.run(command, env=one_thread, check=True, stdout=subprocess.PIPE)
                rounds.append(json.loads(done.stdout))
    names = list(next(iter(found.values()))[0])
    table: list[list[object]] = [["engine", "installed_mib", *names]]
    for engine, rounds in found.items():
        medians = [round(statistics.median(each[name] for each in rounds), 3) for name in names]
        table.append([engine, round(installed_mib(engine)), *medians])
    write_table(
        arguments.table, table, f"; encoder, {LEVELS} levels, medians of {arguments.rounds} processes"
    )
    for row in table:
        print(*row)


if __name__ == "__main__":
    main()
