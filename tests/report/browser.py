"""A headless Chromium, driven over DevTools through two pipes: nothing but Python's standard library."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PROGRAMS = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"]
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions", "--disable-background-networking",
    "--disable-component-update", "--no-first-run", "--hide-scrollbars", "--remote-debugging-pipe", "--host-resolver-rules=MAP * ~NOTFOUND",
]
PATIENCE = 20.0


class Browser:
    """One browser with one page. `problems` is what its console complained of, `asked` every URL that it asked for."""

    def __init__(self, width=1440, height=900):
        program = next((found for found in map(shutil.which, PROGRAMS) if found), None)
        if program is None:
            raise SystemExit("no Chromium; tests/report/run.sh installs one")
        self.home = tempfile.mkdtemp(prefix="kaika-browser-")
        (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
        # Above 4, so that 3 and 4 are free in the child.
        theirs = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (theirs_in, theirs_out)]

        def pipes():
            os.dup2(theirs[0], 3)
            os.dup2(theirs[1], 4)

        self.process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self.home}", f"--window-size={width},{height}", "about:blank"],
            preexec_fn=pipes, close_fds=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for fd in (*theirs, theirs_in, theirs_out):
            os.close(fd)
        self.into, self.out, self.rest, self.number, self.events = ours_out, ours_in, b"", 0, []
        self.problems, self.asked, self.session = [], [], None
        target = self.say("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.say("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.say(f"{domain}.enable")
        self.say("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=-1, uploadThroughput=-1)
        self.size(width, height)

    def close(self):
        self.process.terminate()
        self.process.wait()
        os.close(self.into)
        os.close(self.out)
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def say(self, method, **params):
        """A command and its answer."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.into, json.dumps(message).encode() + b"\0")
        wanted = self.number
        answer = self.until(lambda heard: heard.get("id") == wanted, method)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def until(self, fits, what):
        """The first message that fits; events on the way are noted."""
        end = time.monotonic() + PATIENCE
        while True:
            while b"\0" in self.rest:
                line, self.rest = self.rest.split(b"\0", 1)
                heard = json.loads(line)
                self.note(heard)
                if fits(heard):
                    return heard
            if not select.select([self.out], [], [], max(0, end - time.monotonic()))[0]:
                raise AssertionError(f"no answer to {what} in {PATIENCE} s")
            more = os.read(self.out, 1 << 20)
            if not more:
                raise AssertionError(f"the browser is gone at {what}")
            self.rest += more

    def note(self, heard):
        method, params = heard.get("method"), heard.get("params", {})
        if method == "Network.requestWillBeSent":
            self.asked.append(params["request"]["url"])
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description") or details["text"])
        if method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.problems.append(f"console.{params['type']}: {params['args']}")
        if method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.problems.append(params["entry"]["text"])

    def open(self, url):
        """Goes to a page; gives the milliseconds from the start of the navigation to its load and to the end of its script."""
        self.say("Page.navigate", url=url)
        self.until(lambda heard: heard.get("method") == "Page.loadEventFired", url)
        return self.js("[Math.round(performance.getEntriesByType('navigation')[0].loadEventStart), Number(document.documentElement.dataset.ready)]")

    def js(self, expression):
        """What an expression comes to in the page."""
        result = self.say("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def click(self, selector):
        """A click of the mouse in the middle of an element, which must be what lies there."""
        where = self.js(f"""(() => {{
            const found = document.querySelector({json.dumps(selector)});
            if (!found) return null;
            found.scrollIntoView({{ block: 'center' }});
            const box = found.getBoundingClientRect(), [x, y] = [box.x + Math.min(box.width / 2, 200), box.y + box.height / 2];
            const hit = document.elementFromPoint(x, y);
            return [x, y, found === hit || found.contains(hit)];
        }})()""")
        if where is None or not where[2]:
            raise AssertionError(f"{selector} is not to be clicked: {where}")
        for kind in ("mousePressed", "mouseReleased"):
            self.say("Input.dispatchMouseEvent", type=kind, x=where[0], y=where[1], button="left", clickCount=1)

    def key(self, key, text=None):
        """A key of the keyboard."""
        more = {"text": text} if text else {}
        self.say("Input.dispatchKeyEvent", type="keyDown", key=key, **more)
        self.say("Input.dispatchKeyEvent", type="keyUp", key=key)

    def type(self, text):
        """Text, where the focus is."""
        self.say("Input.insertText", text=text)

    def size(self, width, height):
        self.say("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme):
        """`light` or `dark`."""
        self.say("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path, selector=None):
        """What is to be seen, or one element of it, as a PNG."""
        clip = {}
        if selector:
            box = self.js(f"""(() => {{ const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect();
                return {{ x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height, scale: 1 }}; }})()""")
            clip = {"clip": box, "captureBeyondViewport": True}
        data = self.say("Page.captureScreenshot", format="png", **clip)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))

    def paper(self):
        """The page as it is printed: a PDF."""
        return base64.b64decode(self.say("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])
