"""The page in a real browser, and before a validator that nobody here wrote."""

import shutil
import subprocess

import pytest
from observe.report import devtools
from observe.report.conftest import stories

from bulkput.observe.report.page import render

pytestmark = [pytest.mark.clients, pytest.mark.timeout(600)]

WIDTHS_PX = (360, 800, 1400)


@pytest.fixture
def report(scripted, tmp_path):
    """A page of three runs with many volumes, long names and failures."""
    runs = []
    for number in range(3):
        run = scripted(host=f"host-{number}", run=f"aa0{number}", volume_count=15)
        for name in range(15):
            progress = run.volume(f"{'database-with-a-long-name-' * (name % 2)}{name:02}")
            run.put(progress, 50, seconds=3, throttled=name % 3)
            run.end_volume(progress, error="block 7 could not be read " * 9 if name == 7 else None)
        run.end(10)
        runs.append(run)
    path = tmp_path / "report.html"
    path.write_text(render(stories(*runs), ["a warning"], 0.0), encoding="utf-8")
    return path


@pytest.mark.skipif(devtools.browser() is None, reason="no Chromium (Debian: chromium)")
async def test_it_loads_nothing_logs_nothing_and_fits_every_width(report, tmp_path):
    async with devtools.opened(report.as_uri(), tmp_path / "profile") as page:
        for width_px in WIDTHS_PX:
            assert await page.width_px(width_px) <= width_px
            await page.keep(tmp_path, f"report-{width_px}")
        printed = await page.printed()
        assert page.requests == [report.as_uri()]
        assert page.messages == []
    assert printed.startswith(b"%PDF")


@pytest.mark.skipif(not (shutil.which("npm") and shutil.which("java")), reason="no npm or java")
def test_a_validator_finds_nothing(report, tmp_path):
    install = ["npm", "install", "--silent", "--prefix", str(tmp_path), "vnu-jar"]
    subprocess.run(install, check=True, timeout=300)
    (jar,) = tmp_path.glob("node_modules/vnu-jar/build/dist/vnu.jar")
    done = subprocess.run(
        ["java", "-jar", str(jar), str(report)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
