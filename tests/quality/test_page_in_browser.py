"""The listening page in headless Chromium: what is heard, drawn and saved, and who can use it.

Needs the packages `playwright` and `axe-playwright-python` (they hold no browser) and a Chromium.
"""

from __future__ import annotations

import base64
import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from codectool.quality.listening import ListenJob, make_page
from codectool.quality.ratings import read_ratings, summarise
from tests.quality.test_listening import facts_of

playwright = pytest.importorskip("playwright.sync_api", reason="no package playwright here")
axe = pytest.importorskip("axe_playwright_python", reason="no package axe-playwright-python here")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no Chromium here: apt-get install chromium", allow_module_level=True)

QUIET = ["gpu", "quic", "background-networking", "component-update", "sync"]
FLAGS = ["--no-sandbox", "--no-first-run", *(f"--disable-{what}" for what in QUIET)]
EVIL_NAME = "<img src=x onerror=document.title='stolen'>.wav"
EVIL_TITLE = "</script><script>document.title='stolen'</script>&amp;"
CAPTURE = """async (seconds) => {
  const node = new AnalyserNode(player.context, { fftSize: 16384 });
  player.output.connect(node);
  await new Promise((done) => setTimeout(done, 1000 * seconds));
  const heard = new Float32Array(node.fftSize);
  node.getFloatTimeDomainData(heard);
  player.output.disconnect(node);
  return [...heard];
}"""


@pytest.fixture(scope="module")
def page_path(small_weights, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    rng = np.random.default_rng(0)
    swell = 1 + np.sin(np.arange(48_000) / 3000)
    with soundfile.SoundFile(folder / EVIL_NAME, "w", 24_000, 1) as file:
        file.title = EVIL_TITLE
        file.write(0.05 * swell * rng.standard_normal(48_000))
    soundfile.write(folder / "plain.wav", 0.05 * rng.standard_normal(48_000), 24_000)
    target = folder / "page.html"
    recordings = (folder / EVIL_NAME, folder / "plain.wav")
    make_page(ListenJob(recordings, target, "1.5,6,24", weights=small_weights, scores="none"))
    return target


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


class Watched:
    """A page that noted every request and complaint since it was opened."""

    def __init__(self, browser, path, **options):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.on(
            "console",
            lambda line: self.complaints.append(line.text) if line.type in ("error", "warning") else None,
        )
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", timeout=60_000)


@pytest.fixture
def opened(browser, page_path):
    watched = Watched(browser, page_path)
    yield watched.page
    asked = [url for url in watched.requests if not url.startswith(("blob:", "data:"))]
    watched.context.close()
    assert watched.complaints == []
    assert asked == [page_path.as_uri()]


def sound_of(version):
    sound, _ = soundfile.read(io.BytesIO(base64.b64decode(version["flac"])), dtype="float32")
    return sound * 10 ** (version["gain_db"] / 20)


def mismatch(heard, sound):
    """How far what was heard is from the nearest part of a looped sound, relative to it, at any volume."""
    looped = np.concatenate((sound, sound[: len(heard)]))
    size = 1 << (len(looped) + len(heard)).bit_length()
    spectrum = np.fft.rfft(looped, size) * np.conj(np.fft.rfft(heard, size))
    place = int(np.argmax(np.fft.irfft(spectrum, size)[: len(sound)]))
    part = looped[place : place + len(heard)]
    return float(np.abs(heard - part * (part @ heard) / (part @ part)).max() / np.abs(heard).max())


def test_each_stop_of_the_dial_is_heard(opened, page_path):
    versions = facts_of(page_path)["recordings"][0]["versions"]
    by_key = {"0": versions[0], "1": versions[2], "2": versions[3], "3": versions[4]}
    opened.keyboard.press("Space")
    for key, version in by_key.items():
        opened.keyboard.press(key)
        heard = np.array(opened.evaluate(CAPTURE, 0.5))
        assert mismatch(heard, sound_of(version)) < 1e-4, version["label"]
        others = [one for one in by_key.values() if one is not version]
        assert min(mismatch(heard, sound_of(other)) for other in others) > 0.01, version["label"]
    opened.keyboard.press("Space")
    assert not opened.evaluate("player.playing")


def test_versions_change_without_a_gap_at_the_same_position(opened):
    opened.click("#play")
    opened.wait_for_timeout(300)
    assert opened.evaluate("player.position_s") > 0.05
    moved_s = opened.evaluate(
        """() => {
          const before = [...player.voices.values()].map((voice) => voice.source);
          const [clock, at] = [player.context.currentTime, player.position_s];
          choose(stopsOf(explore.recording)[0]);
          const after = [...player.voices.values()].map((voice) => voice.source);
          if (!before.every((source, i) => source === after[i])) return 9;
          return player.position_s - at - (player.context.currentTime - clock);
        }"""
    )
    assert abs(moved_s) < 1e-6


def test_each_stop_is_drawn(opened):
    seen = {}
    for key in "0123":
        opened.keyboard.press(key)
        seen[key] = opened.evaluate("['wave', 'spectrogram', 'tokens'].map((id) => byId(id).toDataURL())")
    for place, canvas in enumerate(("wave", "spectrogram", "tokens")):
        assert len({pictures[place] for pictures in seen.values()}) == 4, canvas
    plain = opened.evaluate("byId('spectrogram').toDataURL()")
    opened.keyboard.press("d")
    assert opened.evaluate("byId('spectrogram').toDataURL()") != plain
    assert "tokens a second" in opened.inner_text("#facts")
    assert opened.inner_text("#facts dd >> nth=3") == "2\u202f400"


def test_the_tokens_tell_what_they_are(opened, page_path):
    facts = facts_of(page_path)["recordings"][0]
    codes = np.frombuffer(base64.b64decode(facts["codes"]), "<u2").reshape(32, -1)
    opened.locator("#tokens").scroll_into_view_if_needed()
    box = opened.locator("#tokens").bounding_box()
    frame = codes.shape[1] // 2
    opened.mouse.move(box["x"] + box["width"] * (frame + 0.5) / codes.shape[1], box["y"] + 1)
    times = int((codes[0] == codes[0, frame]).sum())
    word = "once" if times == 1 else f"{times} times"
    assert opened.inner_text("#tip").startswith(
        f"Code {codes[0, frame]}, level 1, frame {frame}. It occurs {word}"
    )


def test_text_from_files_stays_text(opened):
    assert opened.inner_text("h1 >> visible=true") == EVIL_TITLE
    assert EVIL_NAME in opened.inner_text("#subtitle")
    assert "stolen" not in opened.title() or EVIL_TITLE in opened.title()
    assert opened.locator("main img").count() == 0


def test_the_blind_test_saves_what_was_said(opened, tmp_path):
    opened.click("nav >> text=Blind test")
    opened.fill("#blind-setup [name=listener]", "=Ann, B")
    opened.click("#blind-setup button")
    names = {}
    for trial in range(2):
        assert opened.is_disabled("#blind-next")
        for place in range(5):
            opened.keyboard.press(str(place + 1))
            slider = opened.locator("#blind-rows input").nth(place)
            name = opened.evaluate("nameOf(player.version)")
            names[trial, place] = name
            slider.fill("100" if name == "Original" else str(10 * place))
        opened.click("#blind-next")
    with opened.expect_download() as download:
        opened.click("#blind-result button.primary")
    path = tmp_path / "mushra.csv"
    download.value.save_as(path)
    ratings = read_ratings([path])
    assert len(ratings) == 10
    assert {one.listener for one in ratings} == {"'=Ann, B"}
    for one in ratings:
        place = next(p for (t, p), name in names.items() if t == one.trial - 1 and name == one.condition)
        assert one.value == (100 if one.condition == "Original" else 10 * place)
    assert {one.recording for one in ratings} == {EVIL_NAME, "plain.wav"}
    table = summarise(ratings)
    assert table.splitlines()[2].startswith("Original")


def test_abx_tells_how_likely_it_was_by_chance(opened, tmp_path):
    opened.click("nav >> text=ABX")
    opened.fill("#abx-setup [name=rounds]", "6")
    opened.click("#abx-setup button")
    for right in (1, 1, 1, 1, 1, 0):
        answer = opened.evaluate("abx.x")
        opened.keyboard.press("b")
        assert opened.evaluate("player.version === abx.b")
        opened.click(f"#abx-{answer if right else {'a': 'b', 'b': 'a'}[answer]}")
    assert "5 of 6 right, p = 0.109" in opened.inner_text("#abx-result")
    with opened.expect_download() as download:
        opened.click("#abx-result button.primary")
    download.value.save_as(tmp_path / "abx.csv")
    assert sum(one.value for one in read_ratings([tmp_path / "abx.csv"])) == 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_fault_of_accessibility(browser, page_path, scheme):
    watched = Watched(browser, page_path, color_scheme=scheme, bypass_csp=True)
    page = watched.page
    from axe_playwright_python.sync_playwright import Axe

    def faults():
        found = Axe().run(page).response["violations"]
        return [
            (fault["id"], fault["nodes"][0]["html"])
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]

    assert faults() == []
    for part in ("blind", "abx", "about"):
        page.click(f"nav a[href='#{part}']")
        assert faults() == [], part
        if part != "about":
            page.click(f"#{part}-setup button")
            page.wait_for_selector(f"#{part}-trial:visible")
            assert faults() == [], part
    watched.context.close()


def test_everything_works_from_the_keyboard(opened):
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.className") == "skip"
    for _ in range(20):
        opened.keyboard.press("Tab")
        if opened.evaluate("document.activeElement.id") == "play":
            break
    opened.keyboard.press("Enter")
    assert opened.evaluate("player.playing")
    opened.keyboard.press("Tab")
    before = opened.evaluate("explore.version.levels")
    opened.keyboard.press("ArrowRight")
    assert opened.evaluate("explore.version.levels") > before


def test_nothing_is_cut_off_on_a_phone(browser, page_path):
    watched = Watched(browser, page_path, viewport={"width": 360, "height": 740})
    for part in ("explore", "blind", "abx", "about"):
        watched.page.click(f"nav a[href='#{part}']")
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= 360, part
    watched.context.close()
