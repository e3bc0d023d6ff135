"""Translations: what ComfyUI serves to the editor from `locales/<language>`.

`python -m kinograph.nodes.reference` writes English from the schemas (tests/nodes/test_reference.py
compares it); the other languages are written by hand. Where a text changed (see the diff of
locales/en/nodeDefs.json), translate it again. The editor does not translate values of a COMBO.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kinograph.nodes.reference import english_locale, schemas

Tree = dict[str, Any]

SCHEMAS = {schema.node_id: schema for schema in schemas()}
FILES = ("nodeDefs.json", "main.json")
ROOT = Path(__file__).resolve().parents[2]
LANGUAGES = sorted(path.name for path in (ROOT / "locales").iterdir())
TRANSLATIONS = tuple(language for language in LANGUAGES if language != "en")
FULL_STOPS = {"ja": "。", "zh": "。"}  # "." in all others
LONGEST_NAME = 22  # characters of a widget's name that fit beside its value
SAME_IN = {"de": {"Benchmark"}}  # titles and sentences that are what they are in English

# The editor compiles titles, descriptions, names and categories with vue-i18n, and tooltips in its
# older versions; newer ones show tooltips as they stand. So nothing may need an escape.
MESSAGE_SYNTAX = re.compile(r"[{}@|\\]")
NUMBER = re.compile(r"\d+(?:[.,]\d+)?")
IDENTIFIER = re.compile(
    r"[A-Za-z0-9]+(?:_[A-Za-z0-9]+)+|\.[a-z]{3,}\b|\b[A-Z][A-Za-z]+[A-Z]\w*?(?=s?\b)"
)
ENGLISH_WORDS = re.compile(r"\b(?:the|of|from|with|which|is|are|and|frames? (?:a|per) second)\b")
EAST_ASIAN = re.compile(r"[぀-ヿ一-鿿]")


def flat(tree: Tree, *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The leaves of a file, each with its way from the top; an empty group is a leaf."""
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            yield from flat(value, *above, key)
        else:
            yield (*above, key), value


ENGLISH = {name: dict(flat(tree)) for name, tree in english_locale().items()}
TEXTS = ENGLISH["nodeDefs.json"]
TITLES = {name: schema.display_name for name, schema in SCHEMAS.items()}
# Longest first: "Detect Poses in Boxes" is not "Detect Poses".
TITLE = re.compile(
    r"\b(?:" + "|".join(sorted(map(re.escape, TITLES.values()), key=len, reverse=True)) + r")\b"
)


def stored(root: Path, language: str, name: str = "nodeDefs.json") -> dict[tuple[str, ...], Any]:
    return dict(flat(json.loads((root / "locales" / language / name).read_text("utf-8"))))


def named(texts: dict[tuple[str, ...], Any], *kinds: str) -> dict[tuple[str, ...], str]:
    """The leaves of nodeDefs.json of these kinds, of what the nodes have."""
    return {way: text for way, text in texts.items() if way[-1] in kinds and way in TEXTS}


def titles_in(texts: dict[tuple[str, ...], Any]) -> dict[str, str]:
    """Node id -> title."""
    return {way[0]: title for way, title in named(texts, "display_name").items()}


def numbers(text: str) -> set[str]:
    return {found.replace(",", ".") for found in NUMBER.findall(text)}


def kept_words(way: tuple[str, ...], text: str) -> set[str]:
    """What of an English text stands in a translation as it is.

    File endings, names of models and of other nodes, and values of the COMBO that are explained;
    names of inputs are translated.
    """
    inputs = {spec.id for schema in SCHEMAS.values() for spec in schema.inputs}
    words = set(IDENTIFIER.findall(text)) - inputs
    if way[1] == "inputs":
        spec = next(s for s in SCHEMAS[way[0]].inputs if s.id == way[2])
        words |= {value for value in spec.options if re.search(rf"\b{re.escape(value)}:", text)}
    return words


def mistakes(language: str, way: tuple[str, ...], here: str, titles: dict[str, str]) -> list[str]:
    """What is wrong with the translation `here` of the English text at `way`."""
    text = TEXTS[way]
    found = []
    full_stop = FULL_STOPS.get(language, ".")
    if not here.endswith(full_stop) or here != here.strip():
        found.append(f"must end with {full_stop}")
    if here == text and here not in SAME_IN.get(language, ()):
        found.append("is the English text")
    if missing := numbers(text) - numbers(here):
        found.append(f"lacks the numbers {sorted(missing)}")
    if missing := {word for word in kept_words(way, text) if word not in here}:
        found.append(f"lacks {sorted(missing)}")
    names = {TITLES[name]: title for name, title in titles.items()}
    mentioned = {names.get(title, title) for title in TITLE.findall(text)}
    if missing := {title for title in mentioned if title not in here}:
        found.append(f"does not name the nodes {sorted(missing)} by their titles")
    if language == "de" and (left := ENGLISH_WORDS.findall(re.sub("„.*?“", "", here))):
        found.append(f"has English words {left}")
    if language in ("ja", "zh") and not EAST_ASIAN.search(here):
        found.append("is not translated")
    return found


def test_there_are_these_languages_and_files(root: Path) -> None:
    found = {path.relative_to(root / "locales") for path in (root / "locales").rglob("*.*")}
    assert found == {Path(language, name) for language in LANGUAGES for name in FILES}
    assert {"en", "de", "ja", "zh"} <= set(LANGUAGES)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_exactly_what_the_nodes_have_is_named(language: str, name: str, root: Path) -> None:
    """A new input or output may wait for its translation; the editor shows it in English."""
    here = stored(root, language, name)
    assert sorted(here.keys() - ENGLISH[name].keys()) == [], "no node has these"
    missing = ENGLISH[name].keys() - here.keys()
    nodes = {way[0] for way in here if way[-1] == "display_name"}
    waiting = {way for way in missing if way[0] in nodes and way[1] in ("inputs", "outputs")}
    assert sorted(missing - waiting) == [], "not translated"
    if waiting:
        pytest.skip(f"{language}: not translated yet: {sorted(waiting)}")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_editor_can_show_every_text(language: str, name: str, root: Path) -> None:
    for way, text in stored(root, language, name).items():
        if way[-1] == "outputs":
            assert text == {}, f"{way}: a node without outputs"
            continue
        assert isinstance(text, str), f"{way} is no text"
        assert text.strip(), f"{way} is empty"
        assert not MESSAGE_SYNTAX.search(text), f"{way}: vue-i18n reads {{ }} @ | \\ as syntax"


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_sentences_are_translated_whole(language: str, root: Path) -> None:
    here = stored(root, language)
    titles = titles_in(here)
    texts = named(here, "description", "tooltip")
    found = {way: mistakes(language, way, text, titles) for way, text in texts.items()}
    assert {way: wrong for way, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_equal_sentences_are_translated_alike(language: str, root: Path) -> None:
    """The same tooltip of inputs, or of outputs, of one name; width and height may differ."""
    alike: dict[tuple[str, str], set[str]] = {}
    for way, text in named(stored(root, language), "tooltip").items():
        alike.setdefault((TEXTS[(*way[:-1], "name")], TEXTS[way]), set()).add(text)
    assert {key: found for key, found in alike.items() if len(found) > 1} == {}


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_titles_are_translated_and_tell_nodes_apart(language: str, root: Path) -> None:
    titles = titles_in(stored(root, language))
    same = {title for name, title in titles.items() if title == TITLES[name]}
    assert same <= SAME_IN.get(language, set())
    assert len(set(titles.values())) == len(titles)


@pytest.mark.parametrize("language", TRANSLATIONS)
def test_names_are_short_and_tell_inputs_apart(language: str, root: Path) -> None:
    names = named(stored(root, language), "name")
    assert {way: text for way, text in names.items() if len(text) > LONGEST_NAME} == {}
    for schema in SCHEMAS.values():
        own = [text for way, text in names.items() if way[:2] == (schema.node_id, "inputs")]
        assert len(set(own)) == len(own), f"{schema.node_id}: {own}"


def test_a_careless_translation_is_found() -> None:
    """The rules above can fail."""
    way = ("KinographDrawFlow", "inputs", "scale", "tooltip")
    titled = ("KinographSmoothPoses", "inputs", "poses", "tooltip")
    titles = dict(TITLES, KinographTrackPoses="Posen verfolgen")
    assert mistakes("de", way, TEXTS[way], titles)
    assert mistakes("de", way, "Die Geschwindigkeit.", titles) == ["lacks the numbers ['0', '2']"]
    assert mistakes("de", titled, "Aus „Posen verfolgen“.", titles) == []
    assert mistakes("de", titled, "Aus „Track Poses“", titles) == [
        "must end with .",
        "does not name the nodes ['Posen verfolgen'] by their titles",
    ]
    assert mistakes("ja", titled, "From 'Posen verfolgen'。", titles) == ["is not translated"]
    assert [t for t in ("a@b", "{0}", "one | two", "ends \\") if not MESSAGE_SYNTAX.search(t)] == []
    assert not MESSAGE_SYNTAX.search("2 % of $ [1,3,F,H,W] (0..1)")


def test_the_texts_of_the_panel_are_in_the_locales(root: Path) -> None:
    """Its English texts are the keys, and so is each state of an engine or a job."""
    script = (root / "nodes" / "web" / "engines.js").read_text("utf-8")
    texts = {way[1] for way in ENGLISH["main.json"] if way[0] == "kinographPanel"}
    used = set(re.findall(r'\b(?:word|button)\("([^"]+)"', script))
    assert used - texts == set()
    states = {"right", "whole", "damaged", "running", "done", "failed", "cancelled"}
    assert {text for text in texts - states if f'"{text}"' not in script} == set()
    for way, text in ENGLISH["main.json"].items():
        assert way[0] != "kinographPanel" or text == way[1]
