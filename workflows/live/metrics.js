"use strict";
// The panel of metrics: the latency by stage of every graph and, where it has bodies, charts of the
// last minute, the condition of the scene, and records of five seconds as CSV.
const metrics = (() => {
  const SPAN = 60, SHORTEST = 10; // s that the charts show, and at first
  const GAP = 1.6; // s between two points that a line joins
  const WIDE = 300, TALL = 56; // of a chart's own coordinates
  const COLOURS = ["#3b82d6", "#e07b1f", "#2e9e5b", "#c94fb0", "#8a6ee0", "#b08d00", "#d6483b", "#4aa5ad"];
  // name, unit, decimals, tooltip, and the place in a row of a person; without one it is of the run
  const CHARTS = [
    { name: "Frames per second", unit: "/ s", digits: 1, of: point => point.fps, about: "Finished outputs per second" },
    { name: "Latency", unit: "ms", digits: 0, of: point => point.latency, about: "Median from capture to output" },
    { name: "Pose change", unit: "°/s", digits: 1, at: 1, about: "Mean angular speed of the joints, without the turn of the whole body" },
    { name: "Translation change", unit: "mm", digits: 1, at: 2, about: "Per frame; relative, as the focal length is assumed" },
    { name: "Joint change", unit: "mm", digits: 1, at: 3, about: "Per frame, mean over the joints, relative to the pelvis" },
    { name: "Shape variance", unit: "", digits: 4, at: 4, about: "Of the parameters of the body's shape over time" },
    { name: "Detection", unit: "%", digits: 0, at: 5, top: 100, about: "Captured frames with the person in an output" },
  ];
  let points = [];
  let made = false;
  let fetched = 0; // records that the links hold
  const people = new Map(); // colours by track

  const make = (parent, name, text = "") => {
    const element = document.createElement(name);
    element.textContent = text;
    parent.append(element);
    return element;
  };
  const draw = (parent, name, values) => {
    const element = document.createElementNS(by("svg").namespaceURI, name);
    for (const [key, value] of Object.entries(values)) element.setAttribute(key, value);
    parent.append(element);
    return element;
  };
  const words = (value, chart) =>
    value === null || value === undefined ? "–" : `${value.toFixed(chart.digits)} ${chart.unit}`.trim();

  function begin() {
    made = true;
    for (const chart of CHARTS) {
      const figure = make(by("charts"), "figure");
      figure.title = chart.about;
      const caption = make(figure, "figcaption");
      make(caption, "span", chart.name);
      chart.value = make(caption, "span", "–");
      chart.svg = draw(figure, "svg", { viewBox: `0 0 ${WIDE} ${TALL}`, preserveAspectRatio: "none", role: "img" });
      chart.svg.setAttribute("aria-label", chart.name);
    }
    by("measuring").hidden = false;
    if (innerWidth > 1000 && by("settings").hidden) toggle();
  }

  function colour(track) {
    if (!people.has(track)) people.set(track, COLOURS[people.size % COLOURS.length]);
    return people.get(track);
  }

  // The lines of a chart: [colour, [[t, value], ...]], one for each person or one for the run.
  function lines(chart) {
    if (chart.of) return [["currentColor", points.map(point => [point.t, chart.of(point)])]];
    const found = new Map();
    for (const point of points) {
      for (const row of point.rows.slice(1)) {
        if (!found.has(row[0])) found.set(row[0], []);
        found.get(row[0]).push([point.t, row[chart.at]]);
      }
    }
    return [...found].map(([track, line]) => [colour(track), line]);
  }

  function path(line, start, span, top) {
    let last = -Infinity;
    return line.filter(([, value]) => value !== null).map(([t, value]) => {
      const move = t - last > GAP ? "M" : "L";
      last = t;
      const x = (t - start) / span * WIDE, y = TALL - 3 - value / top * (TALL - 6);
      // A point alone is seen as a short line.
      return `${move}${x.toFixed(1)} ${y.toFixed(1)}${move === "M" ? "h0.8" : ""}`;
    }).join("");
  }

  function paint() {
    if (!points.length || by("metrics").hidden) return;
    const newest = points.at(-1);
    const span = Math.max(SHORTEST, newest.t - points[0].t);
    const start = newest.t - span;
    for (const chart of CHARTS) {
      const all = lines(chart);
      const values = all.flatMap(([, line]) => line.map(([, value]) => value ?? 0));
      const top = chart.top ?? Math.max(...values, 1e-6) * 1.1;
      chart.svg.replaceChildren();
      points.forEach((point, n) => {
        if (!n || point.condition === points[n - 1].condition) return;
        const x = (point.t - start) / span * WIDE;
        const mark = draw(chart.svg, "line", { class: "mark", x1: x, x2: x, y1: 0, y2: TALL });
        draw(mark, "title", {}).textContent = point.condition;
      });
      for (const [stroke, line] of all) draw(chart.svg, "path", { d: path(line, start, span, top), stroke });
      chart.value.textContent = words(chart.of ? chart.of(newest) : newest.rows[0][chart.at], chart);
    }
    by("people").replaceChildren();
    for (const [track] of newest.rows.slice(1)) {
      const name = make(by("people"), "span");
      const chip = draw(name, "svg", { viewBox: "0 0 14 8" });
      draw(chip, "rect", { width: 14, height: 8, rx: 2, fill: colour(track) });
      name.append(track === "none" ? "without a track" : `person ${track}`);
    }
  }

  function stages() {
    by("stages").replaceChildren();
    for (const [name, took] of Object.entries(now.stages_ms ?? {})) {
      const row = make(by("stages"), "tr");
      make(row, "td", name);
      make(row, "td", `${took.toFixed(1)} ms`);
    }
  }

  async function links(count) {
    fetched = count;
    for (const [id, columns] of [["table", "tracks"], ["remi", "remi"]]) {
      const answer = await fetch(at("/records.csv", { columns }), { cache: "no-store" });
      if (!answer.ok) throw new Error((await answer.text()).trim());
      const link = by(id);
      if (link.href) URL.revokeObjectURL(link.href);
      link.href = URL.createObjectURL(await answer.blob()); // it outlives the run
      link.hidden = false;
    }
  }

  // Take what the server says every second.
  function take() {
    stages();
    const told = now.measures;
    if (!told) return;
    if (!made) begin();
    const last = points.length ? points.at(-1).n : 0;
    points.push(...(now.points ?? []).filter(point => point.n > last));
    points = points.filter(point => point.t > points.at(-1).t - SPAN);
    const [choice, text = ""] = told.condition.split(/: (.*)/);
    if (document.activeElement !== by("condition")) by("condition").value = choice;
    if (document.activeElement !== by("custom")) by("custom").value = text;
    by("custom").hidden = by("condition").value !== "Custom";
    press("measure", told.left !== null);
    by("measure").textContent = told.left === null ? "Record 5 s" : `Recording … ${Math.ceil(told.left)} s`;
    by("records").textContent = told.records ? `${told.records} recorded` : "";
    paint();
    if (told.records !== fetched) links(told.records).catch(error => say(error.message, true));
  }

  async function condition() {
    by("custom").hidden = by("condition").value !== "Custom";
    const text = by("custom").hidden ? "" : by("custom").value;
    now.measures = await post("/condition", { condition: by("condition").value, text });
  }

  async function record() {
    if (!now.measures || now.measures.left !== null) return;
    now.measures = await post("/measure", {});
    take();
  }

  function toggle() {
    by("metrics").hidden = !by("metrics").hidden;
    press("watch", !by("metrics").hidden);
    if (by("metrics").hidden) return;
    by("settings").hidden = true;
    press("adjust", false);
    paint();
  }

  function away(is) {
    for (const id of ["measure", "condition", "custom"]) by(id).disabled = is;
  }

  return { take, condition, record, toggle, away };
})();
