"""The page in a real browser."""

import re
import shutil
import subprocess

import pytest

from mlops.report.page import write_report

CHROMIUM = shutil.which("chromium")
MEASURE = "<script>document.body.dataset.overflow = document.documentElement.scrollWidth - window.innerWidth</script></body>"
QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def overflow(html, folder):
    """Return how many pixels a page is wider than a phone."""
    path = folder / "measured.html"
    path.write_text(re.sub(r"<meta http-equiv[^>]*>", "", html).replace("</body>", MEASURE), encoding="utf-8")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        *QUIET,
        f"--user-data-dir={folder}/profile",
        "--window-size=390,900",
        "--dump-dom",
        path.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90)
    return int(re.search(r'data-overflow="(-?\d+)"', done.stdout)[1])


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed here")
def test_page_fits_a_phone(made, tmp_path):
    html = write_report(made).read_text(encoding="utf-8")
    assert overflow(html, tmp_path) <= 0
    assert overflow(html.replace("<main>", '<main><div style="width:900px">too wide</div>'), tmp_path) > 0
