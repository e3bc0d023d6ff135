// The texts of the engines panel and of the shared graphs in the editor's language.
//
// They are stored in locales/<language>/main.json, which ComfyUI serves together with the translations of all
// packs. English texts are the keys; a text without a translation is shown in English.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

const texts = {}; // language -> English text -> translation
const templates = {}; // language -> name of a shared graph -> {title, description}

/** Load the translations from the server. If there are none, everything is shown in English. */
export async function loadWords() {
  const response = await api.fetchApi("/i18n");
  const translations = response.ok ? await response.json() : {};
  for (const [language, { kinographPanel, kinographTemplates }] of Object.entries(translations)) {
    texts[language] = kinographPanel ?? {};
    templates[language] = kinographTemplates ?? {};
  }
}

/** Return an English text in the language of the editor. */
export function word(english) {
  return inLanguage(texts, english) ?? english;
}

/** Return the title and the description of a shared graph in the language of the editor. */
export function templateTexts(name) {
  return inLanguage(templates, name) ?? templates.en?.[name] ?? {};
}

function inLanguage(of, key) {
  const locale = String(app.extensionManager?.setting?.get("Comfy.Locale") ?? "en");
  // zh-TW falls back on Simplified Chinese, which is closer than English.
  return of[locale]?.[key] ?? of[locale.split("-")[0]]?.[key];
}
