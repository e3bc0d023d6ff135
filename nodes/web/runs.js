// Which open workflow a run belongs to. The editor has several open, in tabs, whose nodes have the same ids; what
// a server reports names the run and the node.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

const MOST = 1000; // runs to remember

const owners = new Map(); // id of a run -> the workflow that was queued, and its graph in API format
let queueing; // the same of the run that has no id yet

function open() {
  return app.extensionManager?.workflow?.activeWorkflow;
}

/** Remember the workflow of each run that is queued from now on. */
export function followRuns() {
  const queue = api.queuePrompt;
  api.queuePrompt = async function (...values) {
    const owner = { workflow: open(), graph: values[1]?.output };
    queueing = owner;
    try {
      const answer = await queue.apply(this, values);
      if (answer?.prompt_id) owners.set(answer.prompt_id, owner);
      if (owners.size > MOST) owners.delete(owners.keys().next().value);
      return answer;
    } finally {
      if (queueing === owner) queueing = undefined;
    }
  };
}

/** Return whether a run belongs to the workflow that the editor shows; true for one that it did not queue. */
export function isHere(run) {
  const owner = owners.get(run) ?? queueing;
  return owner === undefined || owner.workflow === open();
}

/** Return the classes of the nodes of a run, none for one that the editor did not queue. */
export function classesOf(run) {
  const graph = (owners.get(run) ?? queueing)?.graph ?? {};
  return Object.values(graph).map((node) => node.class_type);
}

/** Return the node of a run by its id, "3", or "5:3" inside the subgraph node 5. */
export function nodeOfRun(id) {
  let graph = app.rootGraph ?? app.graph;
  const parts = String(id).split(":");
  const last = parts.pop();
  for (const part of parts) graph = graph?.getNodeById(Number(part))?.subgraph;
  return graph?.getNodeById(Number(last));
}
