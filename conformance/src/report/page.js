"use strict";
// What stands in `run` is written by report/html.rs. Some of it was said by a subject: it becomes text, never markup.

const run = JSON.parse(document.getElementById("run").textContent);
const $ = (id) => document.getElementById(id);
const PAGE = 200;
const WRONG = ["fail", "unexpected-pass", "inconclusive", "error"];
const LANES = ["clock", "runner", "sms", "operator", "terminal", "chip", "verifier", "issuer", "identity", "pos"];
const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; strings are text. */
function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

// The run, unpacked.

const requirements = run.requirements.map(([id, title, text, chapter]) => ({ id, title, text, chapter }));

function unpacked(suite, [id, title, reqs, verdict, took, command, reason, failure]) {
  return {
    id, suite, took, command: run.commands[command], role: id.split("/")[0],
    title: title || id.split("/").slice(2).join("/").replaceAll(" ", ", then "),
    reqs, verdict: run.verdicts[verdict],
    reason: reason === undefined || reason === null ? null : run.reasons[reason],
    failure: failure ? { step: failure[0], what: failure[1], expected: failure[2], seen: failure[3], chart: failure[4].map((at) => run.arrows[at]) } : null,
  };
}

const tests = run.suites.flatMap((suite) => suite.tests.map((test) => unpacked(suite.name, test)));
const totals = Object.fromEntries(run.verdicts.map((name) => [name, tests.filter((test) => test.verdict === name).length]));
const words = (name) => name.replace("-", " ");

/** The command that plays one test again. */
function again(test) {
  return test.command.replace("@id@", () => test.id);
}

// What is chosen. It is kept in the address, so that a view can be passed on.

const none = () => ({ words: "", role: "", chapter: "", verdicts: [], req: "" });
let chosen = none();
let shown = PAGE;

function fromAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const all = given.get("v");
  chosen = {
    words: given.get("q") || "", role: given.get("role") || "", chapter: given.get("chapter") || "",
    verdicts: all === null ? (given.size ? [] : WRONG.filter((name) => totals[name])) : all.split(",").filter((name) => run.verdicts.includes(name)),
    req: given.get("req") || "",
  };
  return given.get("test");
}

function toAddress(test) {
  const said = new URLSearchParams();
  if (chosen.words) said.set("q", chosen.words);
  if (chosen.role) said.set("role", chosen.role);
  if (chosen.chapter) said.set("chapter", chosen.chapter);
  if (chosen.req) said.set("req", chosen.req);
  said.set("v", chosen.verdicts.join(","));
  if (test) said.set("test", test.id);
  history.replaceState(null, "", "#" + said);
}

function heap(test) {
  if (test.heap === undefined) {
    const failure = test.failure;
    const parts = [test.id, test.title, test.reason || "", ...test.reqs.map((at) => requirements[at].id)];
    if (failure) parts.push(failure.what, failure.expected, failure.seen);
    test.heap = parts.join("\n").toLowerCase();
  }
  return test.heap;
}

/** The tests that words, role and chapter leave: what the matrix counts. */
function counted() {
  const wanted = chosen.words.toLowerCase().split(" ").filter(Boolean);
  return tests.filter((test) =>
    (!chosen.role || test.role === chosen.role)
    && (!chosen.chapter || test.reqs.some((at) => requirements[at].chapter === Number(chosen.chapter)))
    && wanted.every((word) => heap(test).includes(word)));
}

/** Of those, the ones with a chosen verdict and requirement: what the list shows. */
function listed(all) {
  return all.filter((test) =>
    (!chosen.verdicts.length || chosen.verdicts.includes(test.verdict))
    && (!chosen.req || test.reqs.some((at) => requirements[at].id === chosen.req)));
}

function choose(change) {
  Object.assign(chosen, change);
  shown = PAGE;
  draw();
  toAddress();
}

// Head.

function head() {
  const subject = run.subject;
  $("name").textContent = `${subject.name} ${subject.version}`;
  const wrong = WRONG.reduce((sum, name) => sum + totals[name], 0);
  const stopped = run.suites.filter((suite) => suite.stopped);
  const good = wrong === 0 && !stopped.length && totals.pass > 0;
  $("sum").classList.add(good ? "good" : "bad");
  $("sum").textContent = good
    ? `${totals.pass} of ${tests.length} tests passed, and nothing went wrong.`
    : `${wrong} of ${tests.length} tests went wrong${stopped.length ? "; not every suite came to its end" : ""}.`;
  const facts = [
    ["roles", subject.roles.join(", ")], ["hooks", `${subject.hooks.join(", ") || "none"} (${subject.level})`], ["began", run.began],
    ["took", `${(run.took / 1000).toFixed(1)} s`], ["seed", run.seed], ["runner", run.runner],
    ["catalogue", run.digest.slice(0, 19) + "…", run.digest],
    ["suites", run.suites.map((suite) => suite.name).join(", ")],
  ];
  for (const [name, value, title] of facts.filter(([, value]) => value !== null && value !== ""))
    $("facts").append(el("div", {}, el("dt", {}, name), el("dd", { title: title || null }, String(value))));
  for (const suite of stopped) $("warnings").append(el("p", {}, el("b", {}, suite.name), `: ${suite.stopped}`));
  for (const suite of run.suites.filter((suite) => suite.digest !== run.digest))
    $("warnings").append(el("p", {}, el("b", {}, suite.name), ": made for another catalogue of requirements, ", el("code", {}, suite.digest)));
  for (const name of run.verdicts) {
    const toggle = () => choose({
      verdicts: chosen.verdicts.includes(name) ? chosen.verdicts.filter((one) => one !== name) : [...chosen.verdicts, name],
    });
    $("verdicts").append(el("button", { type: "button", "data-verdict": name, class: totals[name] ? name : `${name} none`, click: toggle },
      el("b", {}, String(totals[name])), words(name)));
  }
}

function selects() {
  const option = (value, text) => el("option", { value }, text);
  $("role").append(option("", "all"), ...[...new Set(tests.map((test) => test.role))].map((role) => option(role, role)));
  $("chapter").append(option("", "all"), ...run.chapters.map((title, at) => option(String(at), title)));
}

// Matrix.

const closed = new Set();

function counts(all) {
  const table = requirements.map(() => ({}));
  const chapters = run.chapters.map(() => ({}));
  for (const test of all) {
    for (const at of test.reqs) table[at][test.verdict] = (table[at][test.verdict] || 0) + 1;
    for (const at of new Set(test.reqs.map((at) => requirements[at].chapter)))
      chapters[at][test.verdict] = (chapters[at][test.verdict] || 0) + 1;
  }
  return { table, chapters };
}

function cell(requirement, name, count) {
  if (!count) return el("td");
  const pressed = chosen.req === requirement.id && chosen.verdicts.length === 1 && chosen.verdicts[0] === name;
  const press = () => {
    choose(pressed ? { req: "", verdicts: [] } : { req: requirement.id, verdicts: [name] });
    $("tests").scrollIntoView({ block: "nearest" });
  };
  return el("td", {}, el("button", {
    type: "button", class: name, click: press, "aria-pressed": String(pressed), "data-cell": `${requirement.id} ${name}`,
    "aria-label": `${requirement.id}: ${count} ${words(name)}`,
  }, String(count)));
}

function row(requirement, count) {
  const mine = chosen.req === requirement.id;
  const press = () => choose(mine ? { req: "" } : { req: requirement.id, verdicts: [] });
  const name = el("th", { scope: "row" }, el("button", { type: "button", title: requirement.text || null, click: press, "data-req": requirement.id },
    el("code", {}, requirement.id), requirement.title));
  const tested = Object.keys(count).length > 0;
  const cells = tested
    ? run.verdicts.map((verdict) => cell(requirement, verdict, count[verdict]))
    : [el("td", { colspan: run.verdicts.length }, "no test here")];
  return el("tr", { class: [tested ? "" : "hole", mine ? "chosen" : ""].join(" ").trim() || null }, name, ...cells);
}

function chapter(at, count, rows) {
  const open = !closed.has(at);
  const press = () => {
    if (open) closed.add(at); else closed.delete(at);
    draw();
  };
  const cells = run.verdicts.map((name) => el("td", { class: name }, count[name] ? String(count[name]) : ""));
  const title = el("tr", { class: "chapter" },
    el("th", { scope: "rowgroup" }, el("button", { type: "button", "aria-expanded": String(open), click: press }, run.chapters[at])), ...cells);
  return el("tbody", {}, title, ...(open ? rows : []));
}

function matrix(all) {
  const { table, chapters } = counts(all);
  const wanted = (count) => {
    if ($("rows").value === "wrong") return WRONG.some((name) => count[name]);
    return $("rows").value === "" || Object.keys(count).length > 0;
  };
  const old = document.activeElement?.dataset?.cell || document.activeElement?.dataset?.req;
  const bodies = run.chapters.map((_, at) => {
    if (chosen.chapter && Number(chosen.chapter) !== at) return null;
    const rows = requirements.map((one, number) => (one.chapter === at && wanted(table[number]) ? row(one, table[number]) : null)).filter(Boolean);
    return wanted(chapters[at]) ? chapter(at, chapters[at], rows) : null;
  });
  const whole = document.querySelector("#matrix table");
  whole.querySelectorAll("tbody").forEach((body) => body.remove());
  whole.append(...bodies.filter(Boolean));
  if (old) [...whole.querySelectorAll("button")].find((one) => one.dataset.cell === old || one.dataset.req === old)?.focus({ preventScroll: true });
}

// List.

function note(test) {
  if (test.failure) return `step ${test.failure.step}: ${test.failure.what}`;
  return test.reason || "";
}

function item(test) {
  const open = (event) => toggle(event.currentTarget.parentElement, test);
  const reqs = test.reqs.map((at) => requirements[at].id).join(" ");
  const made = el("li", { class: test.verdict },
    el("button", { type: "button", "aria-expanded": "false", click: open, "data-test": test.id },
      el("span", { class: "verdict" }, words(test.verdict)),
      el("span", {}, el("code", {}, test.id), el("br"), el("span", { class: "more" }, [reqs, note(test)].filter(Boolean).join(" · ")))));
  made.test = test;
  return made;
}

function toggle(entry, test) {
  const button = entry.firstElementChild;
  if (entry.children.length > 1) {
    entry.lastElementChild.remove();
    button.setAttribute("aria-expanded", "false");
    toAddress();
  } else {
    entry.append(detail(test));
    button.setAttribute("aria-expanded", "true");
    toAddress(test);
  }
}

function list(all) {
  const some = all.slice(0, shown);
  $("list").replaceChildren(...some.map(item));
  $("count").textContent = all.length === tests.length ? `all ${tests.length}` : `${all.length} of ${tests.length}`;
  $("more").hidden = all.length <= shown;
  $("more").textContent = `show ${Math.min(PAGE, all.length - shown)} more`;
  const requirement = requirements.find((one) => one.id === chosen.req);
  const sentence = requirement ? [el("b", {}, `${requirement.id} ${requirement.title}`), el("br"), requirement.text] : [];
  $("chosen").replaceChildren(...sentence);
}

function draw() {
  const all = counted();
  for (const [id, value] of [["words", chosen.words], ["role", chosen.role], ["chapter", chosen.chapter]])
    if ($(id).value !== value) $(id).value = value;
  for (const button of $("verdicts").children) button.setAttribute("aria-pressed", String(chosen.verdicts.includes(button.dataset.verdict)));
  matrix(all);
  list(listed(all));
}

// One test.

function detail(test) {
  const failure = test.failure;
  const made = el("div", { class: `detail ${test.verdict}` });
  if (test.title) made.append(el("p", { class: "line" }, test.title));
  if (test.reason) made.append(el("p", { class: "line" }, `${words(test.verdict)}: ${test.reason}`));
  if (failure) {
    made.append(el("h3", {}, `Step ${failure.step}: ${failure.what}`), sides(failure.expected, failure.seen));
    if (failure.chart.length) made.append(el("h3", {}, "What was played"), el("div", { class: "chart", tabindex: "0" }, chart(test)));
  }
  made.append(el("h3", {}, "Again, alone"), command(test), el("h3", {}, "Requirements"));
  const asked = el("dl");
  for (const one of test.reqs.map((at) => requirements[at]))
    asked.append(el("dt", {}, el("code", {}, one.id)), el("dd", {}, [one.title, one.text].filter(Boolean).join("\n")));
  made.append(asked, el("p", { class: "line" }, el("small", {}, `suite ${test.suite}, ${test.took} ms`)));
  return made;
}

function command(test) {
  const text = el("pre", {}, again(test));
  const press = async (event) => {
    const button = event.currentTarget;
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {
      getSelection().selectAllChildren(text);
      document.execCommand("copy");
    }
    button.textContent = "copied";
    setTimeout(() => { button.textContent = "copy"; }, 1500);
  };
  return el("div", { class: "again" }, text, el("button", { type: "button", click: press }, "copy"));
}

// Expected beside seen.

/** Lines of a text: JSON at its end is written out, keys in order. */
function lines(text) {
  for (let at = 0; at < text.length; at++) {
    if (!'{["'.includes(text[at])) continue;
    try {
      const value = JSON.parse(text.slice(at), (_, one) => one && typeof one === "object" && !Array.isArray(one)
        ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1))) : one);
      const pretty = JSON.stringify(value, null, 2).split("\n");
      return [text.slice(0, at) + pretty[0], ...pretty.slice(1)];
    } catch { /* no JSON from here on */ }
    if (at > 400) break;
  }
  return text.split("\n");
}

const bare = (line) => line?.replace(/,$/, "");
const key = (line) => /^\s*"(?:[^"\\]|\\.)*":/.exec(line)?.[0];

/** Pairs of lines of which none is on the other side: those of the same member beside each other. */
function paired(gone, come) {
  const rest = [...come];
  const pairs = gone.map((line) => {
    const at = rest.findIndex((other) => key(line) !== undefined && key(line) === key(other));
    return [line, at >= 0 ? rest.splice(at, 1)[0] : undefined];
  });
  for (const pair of pairs) if (pair[1] === undefined && key(pair[0]) === undefined) pair[1] = rest.shift();
  return [...pairs, ...rest.map((line) => [undefined, line])];
}

/** Pairs of lines: equal ones beside each other, the others with what replaces them. */
function aligned(left, right) {
  if (left.length * right.length > 250000) return left.map((line, at) => [line, right[at]]).concat(right.slice(left.length).map((line) => [undefined, line]));
  const best = Array.from({ length: left.length + 1 }, () => new Uint16Array(right.length + 1));
  for (let a = left.length - 1; a >= 0; a--)
    for (let b = right.length - 1; b >= 0; b--)
      best[a][b] = bare(left[a]) === bare(right[b]) ? best[a + 1][b + 1] + 1 : Math.max(best[a + 1][b], best[a][b + 1]);
  const pairs = [];
  let [a, b, gone, come] = [0, 0, [], []];
  const settle = () => {
    pairs.push(...paired(gone, come));
    [gone, come] = [[], []];
  };
  while (a < left.length || b < right.length) {
    if (a < left.length && b < right.length && bare(left[a]) === bare(right[b])) {
      settle();
      pairs.push([left[a++], right[b++]]);
    } else if (b >= right.length || (a < left.length && best[a + 1][b] >= best[a][b + 1])) gone.push(left[a++]);
    else come.push(right[b++]);
  }
  settle();
  return pairs;
}

/** A line with the part marked in which it differs from the other. */
function marked(line, other) {
  if (line === undefined) return [];
  if (other === undefined) return [line];
  let [from, end] = [0, 0];
  while (from < line.length && line[from] === other[from]) from++;
  while (end < Math.min(line.length, other.length) - from && line.at(-1 - end) === other.at(-1 - end)) end++;
  const middle = line.slice(from, line.length - end);
  return [line.slice(0, from), middle ? el("mark", {}, middle) : null, line.slice(line.length - end)].filter((part) => part);
}

function sides(expected, seen) {
  const made = el("div", { class: "sides" }, el("div", { class: "head" }, "expected"), el("div", { class: "head" }, "seen"));
  for (const [left, right] of aligned(lines(expected), lines(seen))) {
    const differs = bare(left) !== bare(right);
    // What is seen beside what was expected may be as it should be.
    const shade = differs && left !== undefined ? "differs" : null;
    made.append(
      el("code", { class: shade }, ...(differs ? marked(left, right) : [left])),
      el("code", { class: shade }, ...(differs ? marked(right, left) : [right])));
  }
  return made;
}

// The chart.

function svg(name, attributes = {}, text = null) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== null) made.textContent = text;
  return made;
}

/** The steps, with what one does alone in a row folded into one line. */
function folded(chart) {
  const rows = [];
  chart.forEach(([from, to, label], at) => {
    const last = rows.at(-1);
    const alone = from === to && at < chart.length - 1;
    if (alone && last?.alone && last.from === from) { last.labels.push(label); last.to = to; last.number = `${last.first}–${at + 1}`; }
    else rows.push({ from, to, alone, labels: [label], first: at + 1, number: String(at + 1) });
  });
  return rows.map((row) => {
    const some = row.labels.slice(0, 3).join(", ");
    const more = row.labels.length - 3;
    return { ...row, label: short(more > 0 ? `${some} and ${more} more` : some, 80), full: row.labels.join(", ") };
  });
}

const short = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);
const breadth = (text) => text.length * 6.5 + 20;

/** Where each lane stands: far enough apart for the words between them. */
function places(lanes, steps) {
  const gaps = lanes.map(() => 84);
  for (const step of steps) {
    const [a, b] = [lanes.indexOf(step.from), lanes.indexOf(step.to)].sort((x, y) => x - y);
    const [from, to] = a === b ? [a, a + 1] : [a, b];
    const there = gaps.slice(from, to).reduce((sum, gap) => sum + gap, 0);
    const missing = a === b && b < lanes.length - 1 ? 0 : (breadth(step.label) + (a === b ? 14 : 0) - there) / (to - from);
    if (missing > 0) for (let at = from; at < to; at++) gaps[at] += missing;
  }
  let x = 84;
  return { xs: lanes.map((_, at) => { const here = x; x += gaps[at]; return here; }), width: Math.max(x, 120) };
}

function chart(test) {
  const failure = test.failure;
  const steps = folded(failure.chart);
  const tested = test.role === "system" ? run.subject.roles : [test.role];
  const named = new Set([...steps.flatMap((step) => [step.from, step.to]), ...tested.filter((role) => test.role !== "system" || role !== "system")]);
  const rank = (lane) => (LANES.includes(lane) ? LANES.indexOf(lane) : LANES.length);
  const lanes = [...named].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
  const says = [`expected ${short(failure.expected, 90)}`, `seen ${short(failure.seen, 90)}`];
  const { xs, width } = places(lanes, steps);
  const last = steps.at(-1);
  const wide = 1.15 * Math.max(...says.map(breadth));
  const left = Math.max(60, Math.min(xs[lanes.indexOf(last.from)] + 16, width - wide));
  const full = Math.max(width, left + wide);
  const height = 62 + steps.length * 32 + 58;
  const made = svg("svg", { width: full, height, viewBox: `0 0 ${full} ${height}`, role: "img", "data-chart": test.id });
  made.append(svg("title", {}, `${test.id}: step ${failure.step} went wrong`));
  lanes.forEach((lane, at) => {
    const own = tested.includes(lane);
    made.append(svg("line", { class: own ? "rail tested" : "rail", x1: xs[at], x2: xs[at], y1: 40, y2: height - 8 }));
    made.append(svg("text", { class: "head", x: xs[at], y: 20, "text-anchor": "middle" }, lane));
    if (own) made.append(svg("text", { class: "under", x: xs[at], y: 33, "text-anchor": "middle" }, "under test"));
  });
  steps.forEach((step, at) => made.append(drawn(step, xs[lanes.indexOf(step.from)], xs[lanes.indexOf(step.to)], 68 + at * 32, at === steps.length - 1)));
  made.append(judged(says, left, 68 + steps.length * 32));
  return made;
}

function drawn(step, from, to, y, wrong) {
  const group = svg("g", wrong ? { class: "wrong" } : {});
  group.append(svg("text", { class: "number", x: 8, y: y + 4 }, step.number), svg("title", {}, step.full));
  if (from === to) {
    group.append(svg("rect", { x: from + 6, y: y - 10, width: breadth(step.label), height: 20, rx: 4 }), svg("text", { x: from + 14, y: y + 4 }, step.label));
    return group;
  }
  const back = to > from ? -8 : 8;
  group.append(
    svg("path", { d: `M${from} ${y}H${to}` }),
    svg("path", { class: "tip", d: `M${to + back} ${y - 4}L${to} ${y}L${to + back} ${y + 4}Z` }),
    svg("text", { x: (from + to) / 2, y: y - 5, "text-anchor": "middle" }, step.label));
  return group;
}

function judged(says, left, y) {
  const group = svg("g", { class: "wrong" });
  says.forEach((text, at) => group.append(svg("text", { x: left, y: y + at * 18 }, text)));
  return group;
}

// Keys, paper, beginning.

function step(by) {
  const all = [...$("list").querySelectorAll("li > button")];
  const at = all.indexOf(document.activeElement);
  const next = all[Math.max(0, Math.min(all.length - 1, at + by))];
  if (next) next.focus();
}

function keyed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") { choose(none()); return; }
  if (event.target.matches("input, select")) return;
  if (event.key === "/") { event.preventDefault(); $("words").focus(); }
  if (event.key === "j") step(1);
  if (event.key === "k") step(-1);
}

function opened() {
  return [...$("list").children].filter((entry) => entry.children.length > 1);
}

/** On paper what went wrong is open. */
function toPaper() {
  for (const entry of [...$("list").children].slice(0, 100))
    if (entry.test.failure && entry.children.length === 1) { entry.append(detail(entry.test)); entry.dataset.paper = ""; }
}

function fromPaper() {
  for (const entry of opened()) if (entry.dataset.paper !== undefined) { entry.lastElementChild.remove(); delete entry.dataset.paper; }
}

function begin() {
  const line = el("tr", {}, el("th", {}, "requirement"), ...run.verdicts.map((name) => el("th", { class: `turned ${name}`, scope: "col" }, el("span", {}, words(name)))));
  document.querySelector("#matrix thead").append(line);
  head();
  selects();
  counts(tests).chapters.forEach((count, at) => { if (!Object.keys(count).length) closed.add(at); });
  const asked = fromAddress();
  draw();
  $("words").addEventListener("input", () => choose({ words: $("words").value }));
  $("role").addEventListener("change", () => choose({ role: $("role").value }));
  $("chapter").addEventListener("change", () => choose({ chapter: $("chapter").value }));
  $("rows").addEventListener("change", draw);
  $("clear").addEventListener("click", () => choose(none()));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("more").addEventListener("click", () => { shown += PAGE; list(listed(counted())); });
  document.addEventListener("keydown", keyed);
  addEventListener("beforeprint", toPaper);
  addEventListener("afterprint", fromPaper);
  const wanted = () => [...$("list").children].find((one) => one.test.id === asked);
  if (asked && !wanted()) choose({ ...none(), words: asked });
  const entry = wanted();
  if (entry) { toggle(entry, entry.test); entry.scrollIntoView(); }
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
}

begin();
