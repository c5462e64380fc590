"""Runs the commands of a page and compares what they print with what stands there; then makes the page's picture.

    tests/report/page.py KAIKA PAGE

A block ```sh is run, `kaika` being KAIKA; the lines of the block ```text after it must be printed in this order, `…` standing for anything.
The picture is kept as target/report/read-a-failure.png, and with UPDATE=1 beside the page.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

from browser import Browser

PICTURE_MAX = 200_000


def blocks(text):
    """Each command with the lines that it is said to print."""
    found = re.findall(r"^```(sh|text)\n(.*?)^```$", text, re.M | re.S)
    pairs = []
    for kind, body in found:
        if kind == "sh":
            pairs.append((body, []))
        else:
            pairs[-1][1].extend(body.splitlines())
    return pairs


def printed(command, kaika):
    with tempfile.TemporaryDirectory() as home:
        os.symlink(pathlib.Path(kaika).resolve(), pathlib.Path(home) / "kaika")
        environment = os.environ | {"PATH": f"{home}:{os.environ['PATH']}"}
        done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, timeout=120)
        return done.stdout + done.stderr


def missing(lines, output):
    """The first line that is not printed after those before it."""
    rest = iter(output.splitlines())
    for line in lines:
        pattern = ".*".join(re.escape(part) for part in line.split("…"))
        if not any(re.fullmatch(pattern, seen) for seen in rest):
            return line
    return None


def picture(report, path):
    with Browser(1000, 1400) as browser:
        browser.open((report / "report.html").resolve().as_uri())
        browser.click("#list li:first-child > button")
        browser.js("document.activeElement.blur()")
        browser.picture(path, "#list li:first-child")
        if browser.problems:
            raise AssertionError(browser.problems)


def main(kaika, page):
    page = pathlib.Path(page)
    pairs = blocks(page.read_text())
    if not pairs:
        raise AssertionError(f"{page} has no command")
    for command, lines in pairs:
        output = printed(command, kaika)
        lacks = missing(lines, output)
        if lacks is not None:
            raise AssertionError(f"{page}: after\n{command}the line\n{lacks}\nis not printed; this is:\n{output}")
    made = pathlib.Path("target/report/read-a-failure.png")
    picture(pathlib.Path("target/wrong/report"), made)
    kept = page.with_suffix(".png")
    if os.environ.get("UPDATE"):
        shutil.copy(made, kept)
    if not 0 < kept.stat().st_size < PICTURE_MAX:
        raise AssertionError(f"{kept} has {kept.stat().st_size} bytes")
    print(f"{page}: {len(pairs)} commands print what stands there; its picture is {made}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
