// What a node said when it ran, below its other widgets: words, and warnings that are seen.

import { app } from "../../scripts/app.js";
import { styled } from "./style.js";

const NAME = "kinograph_shown";
const PROGRESS = "$$node-text-preview"; // the editor's own, while the node runs
const PICTURE = 150; // px
const LINE = 15; // px
const PADDING = 12; // px above and below together
const LETTER = 6; // px, on average
const MOST_LINES = 9; // more are scrolled, or seen when the node is made larger
const COUNT = /^\d+ warnings?:$/; // a heading of the reports that list them
const TABLES = new Set(["KinographBenchmark", "KinographEngineUpkeep", "KinographFlowStatistics"]);

/** Show the words of a node's output; a node that said nothing is left as it is. */
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

/** Let words and a moving picture be seen; once for the picture, whose size is then the user's. */
function makeRoom(node, moves) {
  const telling = node.widgets.some((w) => w.name === PROGRESS); // it goes, and leaves its place
  const picture = moves && !node.kinographRoom ? PICTURE - (telling ? 40 : 0) : 0;
  node.kinographRoom ||= moves;
  const height = node.computeSize()[1] + picture;
  if (node.size[1] < height) node.setSize([node.size[0], height]);
}

/** As `show`, for all nodes: outputs of another workflow, or of a run of before. */
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
  // The canvas zooms with the wheel, unless there is more to read here.
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
