"""The picture in README.md: python docs/screenshot.py listen.html docs/listen.png

The page is made by `codec listen examples/speech.wav examples/music.flac -o listen.html`. Needs the packages
playwright and pillow, and a Chromium.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH, HEIGHT, SCALE = 1160, 1142, 1.25
COLOURS = 128  # enough, for a third of the bytes
PLACE_S = 3.4  # of the playhead

page_path, picture_path = (Path(name).resolve() for name in sys.argv[1:])
with sync_playwright() as driver:
    browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    size = {"width": WIDTH, "height": HEIGHT}
    page = browser.new_page(viewport=size, color_scheme="light", device_scale_factor=SCALE)
    page.goto(page_path.as_uri())
    page.wait_for_selector("html[data-ready]")
    page.evaluate(f"player.seek({PLACE_S})")
    page.wait_for_timeout(500)
    page.screenshot(path=picture_path)
    browser.close()
Image.open(picture_path).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(
    picture_path, optimize=True
)
