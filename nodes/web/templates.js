// The shared graphs in the template browser, with titles and descriptions in the editor's language. The editor
// itself shows a pack's graphs under the names of their files.

import { api } from "../../scripts/api.js";
import { templateTexts } from "./words.js";

const FOLDER = decodeURIComponent(import.meta.url.split("/").at(-2)); // of the pack, as the server names it
const CATEGORY = "Kinograph";

let names = []; // of the graphs that the server has

/** Move the shared graphs from the list of names to the list of described templates. */
export function describeTemplates() {
  const { getWorkflowTemplates, getCoreWorkflowTemplates } = api;
  if (!getWorkflowTemplates || !getCoreWorkflowTemplates) return; // the names must suffice
  api.getWorkflowTemplates = async function (...values) {
    const { [FOLDER]: own = [], ...others } = await getWorkflowTemplates.apply(this, values);
    names = own;
    return others;
  };
  api.getCoreWorkflowTemplates = async function (...values) {
    const groups = await getCoreWorkflowTemplates.apply(this, values);
    return names.length ? [...groups, group()] : groups;
  };
}

function group() {
  return { moduleName: FOLDER, title: CATEGORY, type: "video", templates: names.map(template) };
}

function template(name) {
  const { title = name, description = "" } = templateTexts(name);
  return { name, title, description, mediaType: "image", mediaSubtype: "jpg", models: [], tags: [] };
}
