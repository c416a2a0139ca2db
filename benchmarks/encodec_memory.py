"""Peak memory and time of `encodec_24khz` by length: `python -m benchmarks.encodec_memory`.

As benchmarks.memory, at 6 kbps and with random weights, which take as much memory as any.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import torch
from safetensors.torch import save_file

from benchmarks.machine import write_table
from benchmarks.memory import peak_and_time, write_recording
from codectool.models.encodec import Config, build

MODEL = "encodec_24khz"
TABLE = Path(__file__).with_suffix(".csv")


def write_weights(path: Path) -> None:
    """Write weights of the right shapes."""
    torch.manual_seed(0)
    codec = build(Config())
    codec.quantizer.codebooks.normal_()
    save_file(codec.state_dict(), path)


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", default="1,10,60", help="lengths, separated by commas")
    minutes = [float(value) for value in parser.parse_args().minutes.split(",")]
    rows = [["minutes", "way", "peak_mib", "wall_s", "times_real_time"]]
    with tempfile.TemporaryDirectory() as folder:
        names = ("weights.safetensors", "in.wav", "out.ecdc", "back.wav")
        weights, recording, coded, decoded = (Path(folder, name) for name in names)
        write_weights(weights)
        for length in minutes:
            write_recording(recording, length)
            ways = {
                "encode": [str(recording), str(coded), "--model", MODEL, "-b", "6kbps"],
                "decode": [str(coded), str(decoded)],
            }
            for way, arguments in ways.items():
                command = ["-m", "codectool", way, *arguments, "--weights", str(weights), "-q", "-f"]
                peak_mib, wall_s = peak_and_time(command)
                figures = [round(peak_mib), round(wall_s, 1), round(length * 60 / wall_s, 1)]
                rows.append([f"{length:g}", way, *map(str, figures)])
                print(*rows[-1], flush=True)
    write_table(TABLE, rows)


if __name__ == "__main__":
    main()
