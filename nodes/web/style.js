// Styles, in the colours of the editor's theme.

const CSS = `
.kinograph-shown {
  box-sizing: border-box; overflow: auto; padding: 6px 8px; border-radius: 6px;
  background: var(--comfy-input-bg); color: var(--input-text);
  font: 11px/15px Inter, Arial, sans-serif; user-select: text; cursor: text;
}
.kinograph-line, .kinograph-warning { white-space: pre-wrap; overflow-wrap: anywhere; }
.kinograph-line { min-height: 15px; }
.kinograph-table .kinograph-line { white-space: pre; font-family: ui-monospace, monospace; }
.kinograph-warning, .kinograph-panel .kinograph-bad {
  color: color-mix(in srgb, #d97706 60%, var(--input-text));
}
.kinograph-panel {
  container-type: inline-size; box-sizing: border-box; height: 100%; overflow: auto;
  padding: 12px; color: var(--fg-color); font: 13px/1.45 Inter, Arial, sans-serif;
}
.kinograph-panel h3 { margin: 0; font-size: 15px; font-weight: 600; }
.kinograph-panel .kinograph-quiet { color: var(--descrip-text); font-size: 12px; }
.kinograph-panel .kinograph-path { overflow-wrap: anywhere; margin: 2px 0 10px; }
.kinograph-bar { display: flex; flex-wrap: wrap; gap: 6px; margin: 8px 0; align-items: center; }
.kinograph-panel button, .kinograph-panel select, .kinograph-panel input {
  font: inherit; color: var(--input-text); background: var(--comfy-input-bg);
  border: 1px solid var(--border-color); border-radius: 6px; padding: 3px 9px; min-width: 0;
}
.kinograph-panel button { cursor: pointer; }
.kinograph-panel button:hover:enabled { border-color: var(--fg-color); }
.kinograph-panel button:disabled { opacity: 0.45; cursor: default; }
.kinograph-panel button.kinograph-danger { border-color: var(--error-text); }
.kinograph-box {
  border: 1px solid var(--border-color); border-radius: 8px; padding: 8px 10px; margin: 8px 0;
  overflow-wrap: anywhere; white-space: pre-wrap;
}
.kinograph-error { border-color: var(--error-text); color: var(--error-text); }
.kinograph-form {
  display: grid; grid-template-columns: auto 1fr; gap: 6px 10px; align-items: center;
  margin: 8px 0; white-space: normal;
}
.kinograph-panel table { width: 100%; border-collapse: collapse; }
.kinograph-panel th {
  text-align: left; font-weight: 500; font-size: 12px; color: var(--descrip-text);
  padding: 4px 8px; border-bottom: 1px solid var(--border-color);
}
.kinograph-panel td {
  padding: 6px 8px; vertical-align: top; border-bottom: 1px solid var(--border-color);
}
.kinograph-panel td.kinograph-number { white-space: nowrap; }
.kinograph-panel td .kinograph-bar { margin: 0; }
@container (max-width: 760px) {
  .kinograph-panel thead { display: none; }
  .kinograph-panel tr {
    display: block; border: 1px solid var(--border-color); border-radius: 8px;
    margin: 8px 0; padding: 8px 10px;
  }
  .kinograph-panel td { display: flex; gap: 8px; border: 0; padding: 1px 0; }
  .kinograph-panel td[data-name]::before {
    content: attr(data-name); flex: 0 0 92px; color: var(--descrip-text); font-size: 12px;
  }
  .kinograph-panel td.kinograph-title { font-weight: 600; padding-bottom: 4px; }
  .kinograph-panel td.kinograph-actions { padding-top: 6px; }
}
`;

/** Add the styles to the page, once. */
export function styled() {
  if (document.getElementById("kinograph-style")) return;
  const element = document.createElement("style");
  element.id = "kinograph-style";
  element.textContent = CSS;
  document.head.append(element);
}
