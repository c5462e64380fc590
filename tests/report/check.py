"""Reads what a run wrote and opens its page in a browser: clicks through, looks for what must not happen, keeps pictures.

    tests/report/check.py WRONG FULL OUT

WRONG is the report of a subject that fails and says hostile things (wrong.py), FULL that of a good run of every suite; OUT is for pictures.
"""

import collections
import json
import pathlib
import re
import sys
import xml.etree.ElementTree

from browser import Browser
from wrong import HOSTILE

PAGE_MAX = 5_000_000
VERDICTS = ["pass", "lenient", "fail", "expected-fail", "unexpected-pass", "skip", "unimplemented", "inconclusive", "error"]
WRONG_ONES = {"fail", "unexpected-pass", "inconclusive", "error"}


def same(what, seen, wanted):
    if seen != wanted:
        raise AssertionError(f"{what}: {seen!r}, wanted {wanted!r}")


def holds(what, so):
    if not so:
        raise AssertionError(what)


def files(report):
    """The five files say the same; gives report.json."""
    document = json.loads((report / "report.json").read_text())
    tests = [test for suite in document["suites"] for test in suite["tests"]]
    counts = collections.Counter(test["verdict"] for test in tests)
    same("totals", document["totals"], {name: counts[name] for name in VERDICTS})

    root = xml.etree.ElementTree.parse(report / "junit.xml").getroot()
    cases = list(root.iter("testcase"))
    same("ids in junit.xml", [case.get("name") for case in cases], [test["id"] for test in tests])
    failures = counts["fail"] + counts["unexpected-pass"]
    errors = counts["inconclusive"] + counts["error"]
    skipped = counts["expected-fail"] + counts["skip"] + counts["unimplemented"]
    for name, count in (("tests", len(tests)), ("failures", failures), ("errors", errors), ("skipped", skipped)):
        same(f"{name} of junit.xml", int(root.get(name)), count)
        same(f"{name} of its suites", sum(int(suite.get(name)) for suite in root.iter("testsuite")), count)
    for tag, count in (("failure", failures), ("error", errors), ("skipped", skipped)):
        same(f"<{tag}>", len(list(root.iter(tag))), count)
    for case, test in zip(cases, tests):
        properties = [one.get("value") for one in case.iter("property") if one.get("name") == "requirement"]
        same(f"requirements of {test['id']}", properties, test["requirements"])

    events = [json.loads(line) for line in (report / "events.jsonl").read_text().splitlines()]
    same("the first and last event", (events[0]["event"], events[-1]["event"]), ("run", "end"))
    told = collections.Counter(event["id"] for event in events if event["event"] == "test")
    same("tests in events.jsonl", told, collections.Counter(test["id"] for test in tests))
    same("totals in events.jsonl", events[-1]["totals"], document["totals"])

    badge = json.loads((report / "badge.json").read_text())
    same("the badge", badge["message"], f"{counts['pass'] + counts['lenient']} of {len(tests)}")

    text = (report / "report.txt").read_text()
    for name in VERDICTS:
        holds(f"report.txt counts {name}", f"{counts[name]} {name}" in text)
    holds("report.txt steers no terminal", "\x1b" not in text)
    same("commands in report.txt", len(re.findall(r"^    again: kaika conform ", text, re.M)), sum(
        min(10, sum(test["verdict"] in WRONG_ONES - {"unexpected-pass"} for test in suite["tests"])) for suite in document["suites"]))
    return document


def ids(browser):
    return browser.js("[...document.querySelectorAll('#list [data-test]')].map((one) => one.dataset.test)")


def count(browser):
    return browser.js("document.querySelector('#count').textContent")


def failing(browser, report, document, out):
    """From the matrix to a test to its chart, and what a hostile answer must not do."""
    tests = [test for suite in document["suites"] for test in suite["tests"]]
    wrong = [test for test in tests if test["verdict"] in WRONG_ONES]
    holds("something failed and something passed", wrong and len(wrong) < len(tests))
    load, ready = browser.open((report / "report.html").resolve().as_uri())
    print(f"the page of a run that fails: {(report / 'report.html').stat().st_size} bytes, drawn after {ready} ms, loaded after {load} ms")
    same("the page begins with what went wrong", ids(browser), [test["id"] for test in wrong])

    # A cell of the matrix leads to its tests.
    requirement = wrong[0]["requirements"][0]
    browser.click("#clear")
    same("cleared", count(browser), f"all {len(tests)}")
    browser.click(f'[data-cell="{requirement} fail"]')
    mine = [test["id"] for test in tests if requirement in test["requirements"] and test["verdict"] == "fail"]
    same("tests of the cell", ids(browser), mine)
    holds("the requirement's sentence stands there", "MUST" in browser.js("document.querySelector('#chosen').textContent"))

    browser.key("Escape")
    other = next(one for test in tests for one in test["requirements"] if one.startswith("WIR-") and test["verdict"] == "pass")
    browser.click(f'[data-cell="{other} pass"]')
    passed = [test["id"] for test in tests if other in test["requirements"] and test["verdict"] == "pass"]
    same("tests of another cell", ids(browser), passed)
    browser.key("Escape")
    browser.click(f'[data-cell="{requirement} fail"]')

    # A test leads to its chart, both sides and the command.
    first = next(test for test in wrong if test["id"] == mine[0])
    browser.click("#list li:first-child > button")
    shown = browser.js("""(() => {
        const one = document.querySelector('#list .detail'), box = one.querySelector('.chart svg').getBoundingClientRect();
        const text = (selector) => [...one.querySelectorAll(selector)].map((part) => part.textContent);
        return { size: [box.width, box.height], lanes: text('svg .head'), wrong: text('svg .wrong .number'), marks: text('mark'),
                 own: text('svg .under').length, again: text('.again pre')[0], sides: one.querySelector('.sides').textContent };
    })()""")
    holds(f"the chart has a size: {shown['size']}", min(shown["size"]) > 100)
    holds("every role of the steps has its line", {arrow[end] for arrow in first["chart"] for end in ("from", "to")} <= set(shown["lanes"]))
    same("the step in red", shown["wrong"], [str(first["step"])])
    same("the role under test is marked", shown["own"], 1)
    same("the command", shown["again"], first["again"])
    holds("what differs is marked", any("reversal-mismatch" in mark for mark in shown["marks"]))
    holds("a hostile answer is text", HOSTILE.split("\x1b")[0] in shown["sides"])
    browser.js("document.querySelector('#list .detail').scrollIntoView()")
    browser.picture(out / "failure-light.png")
    browser.prefer("dark")
    browser.picture(out / "failure-dark.png")
    browser.prefer("light")

    # Filters.
    browser.key("Escape")
    same("Escape clears", count(browser), f"all {len(tests)}")
    browser.key("/", "/")
    browser.type("wire")
    fewer = [test["id"] for test in tests if "wire" in test["id"]]
    same("words filter", ids(browser), fewer)
    browser.key("Escape")
    browser.click('[data-verdict="pass"]')
    same("a verdict filters", count(browser), f"{sum(test['verdict'] == 'pass' for test in tests)} of {len(tests)}")
    browser.key("Escape")
    browser.js("document.querySelector('#chapter').value = [...document.querySelectorAll('#chapter option')].find((one) => one.textContent.startsWith('90')).value;"
               "document.querySelector('#chapter').dispatchEvent(new Event('change'))")
    wire = [test["id"] for test in tests if any(one.startswith("WIR-") for one in test["requirements"])]
    same("a chapter filters", ids(browser), wire[:200])

    # Rows of the matrix.
    browser.key("Escape")
    rows = "[...document.querySelectorAll('#matrix [data-req]')].map((one) => one.dataset.req)"
    known = browser.js(rows)
    browser.js("document.querySelector('#rows').value = 'wrong'; document.querySelector('#rows').dispatchEvent(new Event('change'))")
    same("rows gone wrong", set(browser.js(rows)), {one for test in wrong for one in test["requirements"]})
    browser.js("document.querySelector('#rows').value = ''; document.querySelector('#rows').dispatchEvent(new Event('change'))")
    same("all rows", browser.js(rows), known)

    # By the keyboard alone.
    browser.key("Escape")
    browser.js("document.activeElement.blur()")
    browser.key("j", "j")
    browser.key("j", "j")
    browser.key("Enter", "\r")
    same("j and Enter open a test", browser.js("document.querySelectorAll('#list [aria-expanded=true]').length"), 1)

    # What must not have happened.
    same("scripts of the page", browser.js("document.scripts.length"), 2)
    same("an answer became code or an image", browser.js("[window.ran === undefined, document.images.length]"), [True, 0])
    holds("it prints", browser.paper().startswith(b"%PDF"))
    browser.js("location.hash = '#' + new URLSearchParams({ v: 'fail', test: document.querySelector('[data-test]').dataset.test })")


def whole(browser, report, document, out):
    """The page of every suite is small and opens at once."""
    size = (report / "report.html").stat().st_size
    load, ready = browser.open((report / "report.html").resolve().as_uri())
    tests = sum(len(suite["tests"]) for suite in document["suites"])
    print(f"the page of the whole run: {tests} tests, {size} bytes, drawn after {ready} ms, loaded after {load} ms")
    holds(f"{size} bytes are below {PAGE_MAX}", size < PAGE_MAX)
    same("warnings: a suite that was stopped or is for another catalogue", browser.js("document.querySelector('#warnings').textContent"), "")
    same("every test is counted", count(browser), f"all {tests}")
    browser.picture(out / "report.png")
    browser.size(420, 900)
    same("a narrow window needs no scrolling aside", browser.js("document.documentElement.scrollWidth <= innerWidth"), True)
    browser.picture(out / "narrow.png")


def main(wrong, full, out):
    wrong, full, out = map(pathlib.Path, (wrong, full, out))
    out.mkdir(parents=True, exist_ok=True)
    documents = files(wrong), files(full)
    with Browser() as browser:
        failing(browser, wrong, documents[0], out)
        whole(browser, full, documents[1], out)
        elsewhere = [url for url in browser.asked if not url.startswith("file://")]
        same("asked of the network", elsewhere, [])
        same("the console's complaints", browser.problems, [])
    print(f"pictures: {out}/report.png, failure-light.png, failure-dark.png, narrow.png")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
