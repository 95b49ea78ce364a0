"""The manual's script does what the manual says, against an emulator."""

import re
import subprocess
import sys

from support.manual import page

from bulkput.emulator.faults import FaultKind


def test_the_script_uploads_three_volumes_at_once_and_shows_its_own_progress(
    account, image, tmp_path
):
    (script,) = re.findall(r"^```python\n(.*?)^```$", page("python"), re.DOTALL | re.MULTILINE)
    assert "asyncio.run(main(" in script
    # However fast the uploads are: all three are under way for two of the script's looks.
    account.fail("CompleteSnapshot", FaultKind.DELAY_ANSWER, times=3, delay_s=1.2)
    paths = [image(f"{name}.img") for name in ("web", "db", "mail")]
    environ = account.environment(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, paths), str(tmp_path / "missing.img")],
        env={
            **{name: value for name, value in environ.items() if not name.startswith("BULKPUT_")},
            "AWS_ENDPOINT_URL": account.url,
            "XDG_STATE_HOME": str(tmp_path / "state"),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    ended = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    for path in paths:
        assert account.content(ended[str(path)], 8) == path.read_bytes()
        assert account.tags(ended[str(path)])["From"] == str(path)
    assert "missing.img: " in ended[str(tmp_path / "missing.img")]
    assert re.search(r"\d+%  \d+%  \d+%", done.stderr)
    assert len(script.splitlines()) < 28
