// Kinograph in ComfyUI's editor: the texts on nodes, their initial width, and the engines panel.
// The other files in this folder are modules of this one; the editor imports them all, which is harmless.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { closePanel, openPanel } from "./engines.js";
import { classesOf, followRuns, isHere, nodeOfRun } from "./runs.js";
import { putBack, quiet, restore, say, show } from "./shown.js";
import { describeTemplates } from "./templates.js";
import { loadWords, word } from "./words.js";

const OWN = "Kinograph";
const WIDE = 340; // px; for file names, model names and other long values
const ROOMY = 280; // px; keeps texts to a few lines
const LONG = 18; // characters; longer values need a wide node
const ENDS = ["execution_success", "execution_error", "execution_interrupted"];

describeTemplates(); // before the editor asks for them

// This comes before the editor's own listener, which gives the output to the node of this id in the workflow
// that is open, whichever was queued.
api.addEventListener("executed", ({ detail }) => {
  const node = nodeOfRun(detail.display_node ?? detail.node);
  if (isHere(detail.prompt_id)) {
    if (isOwn(node)) show(node, detail.output);
  } else if (isOwn(node) || classesOf(detail.prompt_id).some((name) => name.startsWith(OWN))) {
    const outputs = { ...app.nodeOutputs };
    queueMicrotask(() => putBack(node, outputs));
  }
});

app.registerExtension({
  name: "Kinograph.Editor",

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!nodeData.name.startsWith(OWN)) return;
    after(nodeType.prototype, "onNodeCreated", function () {
      // Runs before a saved workflow restores a node's size, so it only affects new nodes.
      const [width, height] = this.size;
      this.setSize([Math.max(width, widthFor(nodeData)), height]);
    });
  },

  onNodeOutputsUpdated(outputs) {
    restore(outputs, isOwn);
  },

  async setup() {
    followRuns();
    api.addEventListener("kinograph.progress", ({ detail }) => {
      if (isHere(detail.run)) say(nodeOfRun(detail.node), detail.text);
    });
    for (const end of ENDS) api.addEventListener(end, quiet);
    await loadWords();
    const title = word("Kinograph engines");
    app.extensionManager.registerSidebarTab({
      id: "kinograph-engines",
      icon: "pi pi-microchip",
      title,
      label: OWN,
      tooltip: title,
      type: "custom",
      render: openPanel,
      destroy: closePanel,
    });
  },
});

function isOwn(node) {
  return Boolean(node?.comfyClass?.startsWith(OWN));
}

/** Call `more` after the method `name`, keeping whatever other extensions have put there. */
function after(prototype, name, more) {
  const before = prototype[name];
  prototype[name] = function (...values) {
    const result = before?.apply(this, values);
    more.apply(this, values);
    return result;
  };
}

function widthFor(nodeData) {
  const inputs = { ...nodeData.input?.required, ...nodeData.input?.optional };
  const long = Object.values(inputs).some(([kind, options]) => {
    const choices = Array.isArray(kind) ? kind : (options?.options ?? []);
    return kind === "STRING" || choices.some((choice) => String(choice).length > LONG);
  });
  return long ? WIDE : ROOMY;
}
