"""The example that runs exported graphs in Node and in a browser gives the codes and the audio that we give.

Needs onnxruntime-web (`npm install onnxruntime-web` in examples/web), and Node, or Chromium and `playwright`.
"""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.__main__ import run
from codectool.models.loaded import LoadedModel
from codectool.sessions.streaming import DecoderSession, EncoderSession

EXAMPLE = Path(__file__).parents[2] / "examples" / "web"
PACKAGES = EXAMPLE / "node_modules"
LEVELS, RATE_HZ = 8, 24_000
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = pytest.mark.skipif(
    not (PACKAGES / "onnxruntime-web").is_dir(), reason="no onnxruntime-web: npm install it in examples/web"
)


@pytest.fixture(scope="module")
def site(small_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example with a small model."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("codec.mjs", "index.html", "roundtrip.mjs"):
        shutil.copyfile(EXAMPLE / name, folder / name)
    (folder / "node_modules").symlink_to(PACKAGES)
    assert run(["export-onnx", str(folder / "model"), "--weights", str(small_weights), "-q"]) == 0
    return folder


@pytest.fixture(scope="module")
def audio() -> np.ndarray:
    """Two blocks of a second, and not quite whole hops."""
    return np.random.default_rng(0).normal(0, 0.1, (1, 2 * RATE_HZ + 1234)).astype(np.float32)


def there_and_back(model: LoadedModel, audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    codes = EncoderSession(model, LEVELS).finish(audio)
    decoder = DecoderSession(model)
    sound = np.concatenate((decoder.push(codes), decoder.finish()), axis=1)
    return codes, sound[0, : audio.shape[1]]


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here")
def test_in_node(site: Path, audio: np.ndarray, small_model: LoadedModel) -> None:
    command = ["node", "roundtrip.mjs", "model", "base_24khz", str(LEVELS)]
    done = subprocess.run(command, cwd=site, input=audio.tobytes(), capture_output=True, check=True)
    codes, sound = there_and_back(small_model, audio)
    assert int(done.stderr) == codes.sum()
    np.testing.assert_allclose(np.frombuffer(done.stdout, np.float32), sound, atol=1e-4)


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the example is served."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_in_a_browser(address: str, audio: np.ndarray, small_model: LoadedModel, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="no package playwright here")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    recording = tmp_path / "in.wav"
    soundfile.write(recording, audio[0], RATE_HZ, subtype="FLOAT")
    complaints: list[str] = []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        page.wait_for_selector("text=Choose a recording.", timeout=60_000)
        assert page.get_attribute("#levels", "max") == str(small_model.entry.levels)
        page.set_input_files("#file", recording)
        page.wait_for_selector("#player:not([hidden])", timeout=60_000)
        status = page.inner_text("#status")
        content = page.evaluate(
            """async () => {
              const blob = await (await fetch(document.getElementById("player").src)).blob();
              const reader = new FileReader();
              await new Promise((done) => { reader.onload = done; reader.readAsDataURL(blob); });
              return reader.result.split(",")[1];
            }"""
        )
        browser.close()
    assert not complaints
    assert "2.1 s at 6.0" in status
    heard, rate_hz = soundfile.read(io.BytesIO(base64.b64decode(content)), dtype="float32")
    assert rate_hz == RATE_HZ
    np.testing.assert_allclose(heard, there_and_back(small_model, audio)[1], atol=1e-4)
