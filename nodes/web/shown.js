// The text and the warnings of a node's last run, displayed below its other widgets.

import { app } from "../../scripts/app.js";
import { styled } from "./style.js";

const NAME = "kinograph_shown";
const PICTURE = 150; // px
const LINE = 15; // px
const PADDING = 12; // px above and below together
const LETTER = 6; // px, on average
const MOST_LINES = 9; // longer texts scroll, or show when the node is enlarged
const COUNT = /^\d+ warnings?:$/; // the heading of the warnings in a report
const TABLES = new Set(["KinographBenchmark", "KinographEngineUpkeep", "KinographFlowStatistics"]);

const running = new Set(); // nodes that report progress

/** Show the text of a node's output. A node without text is left unchanged. */
export function show(node, output) {
  const text = (output?.text ?? []).join("\n");
  const warnings = output?.kinograph_warnings ?? [];
  const widget = node.widgets?.find((w) => w.name === NAME);
  if (widget) delete widget.kinographProgress;
  if (!text && !warnings.length) {
    if (widget) fill(widget, [], []);
    return;
  }
  const told = (line) => COUNT.test(line) || warnings.some((w) => line.endsWith(w));
  const lines = text.split("\n").filter((line) => !told(line));
  fill(widget ?? added(node), lines, warnings);
  makeRoom(node, output?.animated?.[0]);
  node.setDirtyCanvas(true, true);
}

/** Show the progress of a running node above what it showed before. */
export function say(node, text) {
  if (!node) return;
  const widget = node.widgets?.find((w) => w.name === NAME) ?? added(node);
  widget.kinographProgress = text;
  fill(widget, widget.kinographTold ?? [], widget.kinographWarnings ?? []);
  running.add(node);
  makeRoom(node, false);
  node.setDirtyCanvas(true, true);
}

/** Remove the progress of running nodes, at the end of a run. */
export function quiet() {
  for (const node of running) {
    const widget = node.widgets?.find((w) => w.name === NAME);
    if (widget?.kinographProgress) {
      delete widget.kinographProgress;
      fill(widget, widget.kinographTold, widget.kinographWarnings);
    }
  }
  running.clear();
}

/** Enlarge a node for its text and, once, for a moving picture; after that, the size is the user's. */
function makeRoom(node, moves) {
  const picture = moves && !node.kinographRoom ? PICTURE : 0;
  node.kinographRoom ||= moves;
  const height = node.computeSize()[1] + picture;
  if (node.size[1] < height) node.setSize([node.size[0], height]);
}

/** Show the outputs of all nodes, from another workflow or an earlier run. */
export function restore(outputs, isOwn) {
  for (const [place, output] of Object.entries(outputs ?? {})) {
    const node = nodeAt(place);
    if (node && isOwn(node)) show(node, output);
  }
}

/** Undo what the editor did with an output that belongs to another workflow. */
export function putBack(node, outputs) {
  app.nodeOutputs = outputs;
  if (node && !outputs[String(node.id)]) {
    node.images = node.imgs = undefined;
    node.setDirtyCanvas(true, true);
  }
}

function nodeAt(place) {
  const graph = app.rootGraph ?? app.graph;
  const cut = place.lastIndexOf(":"); // SUBGRAPH:ID
  const inside = cut < 0 ? graph : graph?.subgraphs?.get(place.slice(0, cut));
  return inside?.getNodeById(Number(place.slice(cut + 1)));
}

function added(node) {
  styled();
  const element = document.createElement("div");
  element.className = "kinograph-shown";
  element.classList.toggle("kinograph-table", TABLES.has(node.comfyClass));
  const widget = node.addDOMWidget(NAME, "kinograph", element, {
    serialize: false,
    hideOnZoom: false,
    margin: 8,
    getMinHeight: () => heightOf(node, widget, MOST_LINES),
    getMaxHeight: () => heightOf(node, widget, Infinity),
    getValue: () => "",
    setValue: () => {},
  });
  widget.serialize = false;
  // The wheel zooms the canvas unless there is text to scroll.
  element.addEventListener("wheel", (event) => {
    if (element.scrollHeight <= element.clientHeight) app.canvas?.processMouseWheel?.(event);
  });
  return widget;
}

function fill(widget, lines, warnings) {
  const progress = widget.kinographProgress ? [widget.kinographProgress] : [];
  widget.kinographTold = lines;
  widget.kinographWarnings = warnings;
  widget.kinographLines = [...progress, ...warnings.map((warning) => `⚠ ${warning}`), ...lines];
  const rows = [
    ...progress.map((line) => row(line, "kinograph-line")),
    ...warnings.map((warning) => row(`⚠ ${warning}`, "kinograph-warning")),
    ...lines.map((line) => row(line, "kinograph-line")),
  ];
  widget.element.replaceChildren(...rows);
}

function row(text, name) {
  const element = document.createElement("div");
  element.className = name;
  element.textContent = text;
  return element;
}

function heightOf(node, widget, most) {
  const across = Math.max(10, (node.size[0] - 32) / LETTER);
  const table = TABLES.has(node.comfyClass);
  const lines = (widget?.kinographLines ?? []).map((line) =>
    table && !line.startsWith("⚠") ? 1 : Math.max(1, Math.ceil(line.length / across)),
  );
  const count = lines.reduce((sum, n) => sum + n, 0);
  return count ? Math.min(count, most) * LINE + PADDING + 16 : 0;
}
