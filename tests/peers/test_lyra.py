"""Lyra v2 on its real weights: what our engine does is what its graphs do, and it can be listened to.

The published files are looked for where `$LYRA_FILES` says, or in `shared/lyra` beside the repository.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import codectool
from codectool.errors import WeightsError
from codectool.models.install import ImportJob, convert
from codectool.models.loading import load
from codectool.models.registry import find

FILES = Path(os.environ.get("LYRA_FILES") or Path(__file__).parents[3] / "shared" / "lyra")
ENTRY = find("lyra_v2")
HOP = ENTRY.hop_samples

pytest.importorskip("ai_edge_litert")
pytestmark = pytest.mark.skipif(
    not (FILES / "lyragan.tflite").is_file(), reason="Lyra's published files are not here"
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our own file of the published ones."""
    path = tmp_path_factory.mktemp("lyra") / ENTRY.weights_file
    convert(ImportJob(FILES, path))
    return path


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    """Recorded speech `[samples]`, as Lyra's repository has it."""
    audio, rate_hz = soundfile.read(FILES / "sample1_16kHz.wav", dtype="float32")
    assert rate_hz == ENTRY.sample_rate_hz
    return audio


class Reference:
    """Lyra's graphs as they are, one interpreter from the start of a stream to its end."""

    def __init__(self) -> None:
        from ai_edge_litert.interpreter import Interpreter

        names = ("soundstream_encoder", "quantizer", "lyragan")
        paths = [str(FILES / f"{name}.tflite") for name in names]
        self.encoder, quantizer, self.decoder = (Interpreter(path, num_threads=1) for path in paths)
        self.encoder.allocate_tensors()
        self.decoder.allocate_tensors()
        self.to_codes = quantizer.get_signature_runner("encode")
        self.to_latents = quantizer.get_signature_runner("decode")

    def encode(self, audio: NDArray[np.float32], levels: int) -> NDArray[np.uint16]:
        latents = run(self.encoder, audio.reshape(-1, 1, HOP))
        count = np.array(levels, np.int32)
        codes = [self.to_codes(input_frames=frame, num_quantizers=count)["output_0"] for frame in latents]
        return np.array(codes)[:, :levels, 0, 0].T.astype(np.uint16)

    def decode(self, codes: NDArray[np.uint16]) -> NDArray[np.float32]:
        indices = np.full((codes.shape[1], ENTRY.levels, 1, 1), -1, np.int32)
        indices[:, : len(codes), 0, 0] = codes.T
        latents = [self.to_latents(encoding_indices=frame)["output_0"] for frame in indices]
        return np.concatenate([frame.ravel() for frame in run(self.decoder, np.array(latents))])


def run(interpreter: Any, frames: NDArray[Any]) -> list[NDArray[Any]]:
    """Give a graph its frames one by one."""
    outputs = []
    for frame in frames:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], frame)
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
    return outputs


@pytest.mark.parametrize("levels", [16, 30, 46])
def test_equals_the_graphs_as_they_are(weights: Path, speech: NDArray[np.float32], levels: int) -> None:
    reference, model = Reference(), codectool.load("lyra_v2", weights=weights)
    audio = speech[: 97 * HOP]
    codes = model.encode(audio, levels=levels)
    np.testing.assert_array_equal(codes, reference.encode(audio, levels))
    np.testing.assert_array_equal(model.decode(codes)[0], reference.decode(codes))


def test_streams_in_any_pieces_are_the_same(weights: Path, speech: NDArray[np.float32]) -> None:
    model = load("lyra_v2", weights)
    frames = speech[: 80 * HOP].reshape(1, 1, -1)
    whole = model.encoder.finish(frames, model.encoder.initial_state(1), 46)
    other = model.encoder.initial_state(1)  # of a stream beside it, which takes the interpreter away
    pieces, state, first = [], model.encoder.initial_state(1), 0
    for count in (1, 2, 0, 40, 3, 34):
        piece = frames[:, :, first : first + count * HOP]
        codes, state = model.encoder.step(piece, state, 46)
        pieces.append(codes)
        if count == 2:
            _, other = model.encoder.step(frames[:, :, :HOP], other, 46)
        first += count * HOP
    np.testing.assert_array_equal(np.concatenate(pieces, axis=2), whole)
    audio = model.decoder.finish(whole, model.decoder.initial_state(1))
    part, after = model.decoder.step(whole[:, :, :50], model.decoder.initial_state(1))
    one, _ = model.decoder.step(whole[:, :, 50:], after)
    again, _ = model.decoder.step(whole[:, :, 50:], after)  # from the same state, now in a new interpreter
    np.testing.assert_array_equal(one, again)
    np.testing.assert_array_equal(np.concatenate((part, one), axis=2), audio)


def test_speech_stays_speech_and_gets_better_with_rate(weights: Path, speech: NDArray[np.float32]) -> None:
    model = codectool.load("lyra_v2", weights=weights)
    likeness = []
    for bitrate in (3200, 6000, 9200):
        decoded = model.decode(model.encode(speech, bitrate=bitrate), samples=len(speech))[0]
        likeness.append(np.corrcoef(log_spectra(decoded).ravel(), log_spectra(speech).ravel())[0, 1])
    assert min(likeness) > 0.88
    assert likeness == sorted(likeness)


def log_spectra(audio: NDArray[np.float32]) -> NDArray[Any]:
    """Return log magnitudes of frames of 32 ms."""
    frames = np.lib.stride_tricks.sliding_window_view(audio, 512)[::256]
    return np.log(np.abs(np.fft.rfft(frames * np.hanning(512))) + 1e-3)


def test_other_files_are_refused(tmp_path: Path) -> None:
    for name in ("soundstream_encoder.tflite", "quantizer.tflite"):
        (tmp_path / name).write_bytes((FILES / name).read_bytes())
    with pytest.raises(WeightsError, match=r"^lyragan\.tflite: not there"):
        convert(ImportJob(tmp_path, tmp_path / "out"))
    for content in (b"", b"not a graph at all", (FILES / "quantizer.tflite").read_bytes()[:5000]):
        (tmp_path / "lyragan.tflite").write_bytes(content)
        with pytest.raises(WeightsError):
            convert(ImportJob(tmp_path, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
