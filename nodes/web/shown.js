// The text and the warnings of a node's last run, displayed below its other widgets.

import { app } from "../../scripts/app.js";
import { styled } from "./style.js";

const NAME = "kinograph_shown";
const PROGRESS = "$$node-text-preview"; // the editor's own widget while the node runs
const PICTURE = 150; // px
const LINE = 15; // px
const PADDING = 12; // px above and below together
const LETTER = 6; // px, on average
const MOST_LINES = 9; // longer texts scroll, or show when the node is enlarged
const COUNT = /^\d+ warnings?:$/; // the heading of the warnings in a report
const TABLES = new Set(["KinographBenchmark", "KinographEngineUpkeep", "KinographFlowStatistics"]);

/** Show the text of a node's output. A node without text is left unchanged. */
export function show(node, output) {
  const text = (output?.text ?? []).join("\n");
  const warnings = output?.kinograph_warnings ?? [];
  const widget = node.widgets?.find((w) => w.name === NAME);
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

/** Enlarge a node for its text and, once, for a moving picture; after that, the size is the user's. */
function makeRoom(node, moves) {
  const telling = node.widgets.some((w) => w.name === PROGRESS); // it disappears and leaves its space
  const picture = moves && !node.kinographRoom ? PICTURE - (telling ? 40 : 0) : 0;
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
  widget.kinographLines = [...warnings.map((warning) => `⚠ ${warning}`), ...lines];
  const rows = [
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
