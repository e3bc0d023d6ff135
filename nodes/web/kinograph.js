// Kinograph in ComfyUI's editor: what nodes say, how wide they open, and the panel of engines.
// The files beside this one are modules of it; the editor imports them all, which does no harm.

import { app } from "../../scripts/app.js";
import { closePanel, openPanel } from "./engines.js";
import { restore, show } from "./shown.js";
import { loadWords, word } from "./words.js";

const OWN = "Kinograph";
const WIDE = 340; // px; for names of files, of models, and other long values
const ROOMY = 280; // px; what nodes say stands on few lines
const LONG = 18; // letters of a value that needs a wide node

app.registerExtension({
  name: "Kinograph.Editor",

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (!nodeData.name.startsWith(OWN)) return;
    after(nodeType.prototype, "onNodeCreated", function () {
      // Before a saved workflow gives a node its own size, so that this is for new ones only.
      const [width, height] = this.size;
      this.setSize([Math.max(width, widthFor(nodeData)), height]);
    });
    after(nodeType.prototype, "onExecuted", function (output) {
      show(this, output);
    });
  },

  onNodeOutputsUpdated(outputs) {
    restore(outputs, (node) => node.comfyClass?.startsWith(OWN));
  },

  async setup() {
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

/** Calls `more` after the method `name`, whoever else has put something there. */
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
