// The engines panel in the sidebar: lists, verifies, builds and removes engines.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { styled } from "./style.js";
import { word } from "./words.js";

const COLUMNS = [
  "Model",
  "Backend",
  "Precision",
  "GPU",
  "Sizes",
  "On disk",
  "Latency",
  "Verified",
  "Memory",
];

let panel = null; // the panel's element while the tab is open
let state = { engines: [], choices: null, job: null, folder: "" };
let asked = null; // the pending confirmation: {name} of an engine to delete, or {found} to prune
let error = "";
let listening = false;

/** Fill the sidebar's element. The editor may call this again for an element that is already filled. */
export function openPanel(element) {
  if (panel && element.contains(panel)) return;
  styled();
  element.style.height = "100%";
  panel = h("div", { className: "kinograph-panel" });
  element.replaceChildren(panel);
  asked = null;
  error = "";
  listen();
  draw();
  refresh();
}

/** Forget the panel when its tab is closed. */
export function closePanel() {
  panel = null;
}

function listen() {
  if (listening) return;
  listening = true;
  api.addEventListener("kinograph.job", ({ detail }) => {
    const told = busy() && panel?.querySelector(".kinograph-job > .kinograph-quiet");
    state.job = detail;
    if (detail.state !== "running") refresh();
    else if (told) told.textContent = detail.text; // a redraw would replace the Cancel button under the pointer
    else draw();
  });
  // Running a graph builds and uses engines.
  for (const name of ["execution_success", "execution_error", "execution_interrupted"])
    api.addEventListener(name, refresh);
}

async function refresh() {
  if (!panel) return;
  const found = await ask("engines");
  if (found) state = found;
  draw();
}

/** Return the server's answer, or null after an error, which is then displayed. */
async function ask(path, body) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  try {
    const response = await api.fetchApi(`/kinograph/${path}`, options);
    const answer = await response.json();
    error = answer.error ?? "";
    return response.ok ? answer : null;
  } catch (failure) {
    error = String(failure);
    return null;
  }
}

async function start(path, body) {
  const job = await ask(path, body);
  if (job) state.job = job;
  draw();
}

function draw() {
  if (!panel) return;
  const form = panel.querySelector("details");
  const parts = [
    h("h3", {}, word("Kinograph engines")),
    h("div", { className: "kinograph-quiet kinograph-path" }, state.folder),
    bar(
      button("Refresh", refresh),
      button("Verify all", () => start("engines/verify", { names: [] }), busy() || !files().length),
      button("Prune…", askToPrune, busy()),
    ),
    error && h("div", { className: "kinograph-box kinograph-error", role: "alert" }, error),
    job(),
    asked?.found && pruning(),
    // Kept while the rest is redrawn: the user may be filling it in.
    form ?? (state.choices && building()),
    state.engines.length
      ? table()
      : h("p", {}, word("No engines yet. Build one with the Build Engine node or the form above.")),
  ];
  for (const control of form?.querySelectorAll("button[data-job]") ?? [])
    control.disabled = busy();
  panel.replaceChildren(...parts.filter(Boolean));
}

const busy = () => state.job?.state === "running";
const files = () => state.engines.filter((engine) => engine.on_disk);

function job() {
  const { job } = state;
  if (!job || (job.state === "done" && !job.text)) return null;
  const head = `${word(job.kind === "build" ? "Build" : "Verify")}: ${word(job.state)}`;
  return h(
    "div",
    { className: `kinograph-box kinograph-job${job.state === "failed" ? " kinograph-error" : ""}` },
    h("b", {}, head),
    job.text && h("div", { className: "kinograph-quiet" }, job.text),
    busy() && bar(button("Cancel", () => ask("cancel", {}))),
  );
}

async function askToPrune() {
  const found = await ask("engines/prune");
  asked = found && { found: found.found };
  draw();
}

function pruning() {
  const { found } = asked;
  const lines = found.map((f) => `${f.name}  ${bytes(f.size)}  ${f.detail}`);
  return h(
    "div",
    { className: "kinograph-box kinograph-prune" },
    h("b", {}, word(found.length ? "Remove these?" : "There is nothing to prune.")),
    h("div", { className: "kinograph-quiet" }, lines.join("\n")),
    bar(
      found.length && button("Remove", () => prune([]), busy(), "kinograph-danger"),
      button(found.length ? "Keep" : "Cancel", forget),
    ),
  );
}

async function prune(names) {
  asked = null;
  await ask("engines/prune", { names });
  const failed = error;
  await refresh();
  error = failed || error;
  draw();
}

function forget() {
  asked = null;
  draw();
}

function table() {
  const head = COLUMNS.map((name) => h("th", {}, word(name)));
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ...head, h("th", {}))),
    h("tbody", {}, ...state.engines.map(row)),
  );
}

function row(engine) {
  const checked = verdict(engine);
  const sizes = engine.sizes ? `${engine.sizes[0]}–${engine.sizes[1]}` : word("any");
  const latency =
    engine.ms === null ? "–" : `${milliseconds(engine.ms)} (${engine.images} ${word("images")})`;
  const memory = engine.on_disk ? (engine.loaded ? "in memory" : "not loaded") : "memory only";
  const note = word("Median of recent calls in this session");
  return h(
    "tr",
    { "data-engine": engine.name },
    cell("", engine.title || engine.name, { className: "kinograph-title", title: engine.name }),
    cell("Backend", engine.backend),
    cell("Precision", engine.precision),
    cell("GPU", engine.card === "any" ? word("any") : engine.card),
    cell("Sizes", engine.max_batch ? `${sizes} × ${engine.max_batch}` : sizes),
    cell("On disk", engine.on_disk ? bytes(engine.bytes) : "–", { className: "kinograph-number" }),
    cell("Latency", latency, { className: "kinograph-number", title: note }),
    cell("Verified", checked.text, { title: checked.detail, className: checked.className }),
    cell("Memory", word(memory)),
    h("td", { className: "kinograph-actions" }, actions(engine)),
  );
}

function verdict(engine) {
  if (engine.damaged)
    return { text: word("damaged"), detail: engine.damaged, className: "kinograph-bad" };
  const { verdict } = engine;
  if (verdict) {
    const className = verdict.state === "damaged" ? "kinograph-bad" : "";
    return { text: word(verdict.state), detail: verdict.detail, className };
  }
  const text = engine.parity ? "at build time" : "not verified";
  return { text: word(text), detail: engine.parity, className: "" };
}

function actions(engine) {
  if (!engine.on_disk) return "";
  const names = [engine.name];
  if (asked?.name !== engine.name)
    return bar(
      button("Verify", () => start("engines/verify", { names }), busy()),
      button(
        "Delete…",
        () => {
          asked = { name: engine.name };
          draw();
        },
        busy(),
      ),
    );
  return bar(
    h("span", {}, `${word("Delete this engine?")} ${bytes(engine.bytes)}`),
    button("Delete", () => prune(names), busy(), "kinograph-danger"),
    button("Keep", forget),
  );
}

function building() {
  const { models, backends, precisions } = state.choices;
  const fields = {
    model: select(models.map((model) => [model.name, model.title])),
    backend: select(backends.map((name) => [name, name])),
    precision: select(precisions.map((name) => [name, name])),
    max_batch: number(16, 1, 256, 1),
    min_size: number(128, 32, 4096, 32),
    max_size: number(1024, 32, 4096, 32),
  };
  const chosen = () =>
    Object.fromEntries(
      Object.entries(fields).map(([name, field]) => [
        name,
        field.type === "number" ? Number(field.value) : field.value,
      ]),
    );
  const names = ["Model", "Backend", "Precision", "Max. frames per call", "Smallest size"];
  const labels = [...names, "Largest size"];
  const build = button("Build", () => start("engines/build", chosen()), busy());
  build.dataset.job = "";
  return h(
    "details",
    { className: "kinograph-box" },
    h("summary", {}, word("Build an engine")),
    h(
      "div",
      { className: "kinograph-form" },
      ...Object.values(fields).flatMap((field, i) => {
        field.setAttribute("aria-label", word(labels[i]));
        return [h("span", { className: "kinograph-quiet" }, word(labels[i])), field];
      }),
    ),
    bar(build, button("Add as nodes", () => addNodes(chosen(), models))),
  );
}

/** Add the same settings as two nodes in the middle of the visible canvas. */
function addNodes(chosen, models) {
  const { model, ...settings } = chosen;
  const task = models.find((known) => known.name === model)?.task;
  const kind = task === "flow" ? "KinographLoadFlowModel" : "KinographLoadPoseModel";
  const [loader, builder] = [kind, "KinographBuildEngine"].map((name) =>
    window.LiteGraph.createNode(name),
  );
  const [left, top, width, height] = app.canvas.ds.visible_area;
  loader.pos = [left + width / 2 - loader.size[0] - 40, top + height / 2 - 100];
  builder.pos = [left + width / 2 + 20, top + height / 2 - 100];
  for (const node of [loader, builder]) app.canvas.graph.add(node);
  put(loader, { model });
  put(builder, settings);
  loader.connect(0, builder, 0);
}

function put(node, values) {
  for (const [name, value] of Object.entries(values)) {
    const widget = node.widgets?.find((known) => known.name === name);
    if (widget) widget.value = value;
  }
}

function cell(name, text, properties = {}) {
  const named = name ? { "data-name": word(name) } : {};
  return h("td", { ...named, ...properties }, String(text));
}

function button(name, act, disabled = false, className = "") {
  return h("button", { type: "button", onclick: () => act(), disabled, className }, word(name));
}

function bar(...parts) {
  return h("div", { className: "kinograph-bar" }, ...parts);
}

function select(choices) {
  return h("select", {}, ...choices.map(([value, text]) => h("option", { value }, text)));
}

function number(value, min, max, step) {
  return h("input", { type: "number", value, min, max, step });
}

function bytes(count) {
  return count < 1e6 ? `${(count / 1e3).toFixed(0)} kB` : `${(count / 1e6).toFixed(1)} MB`;
}

function milliseconds(ms) {
  return `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms`;
}

/** Create an element. Strings become text, never markup: file names are not trusted. */
function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child || child === 0).map(asNode));
  return element;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(String(child));
}
