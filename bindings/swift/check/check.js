// Answers one question about Swift sources, as JSON: `node check.js '{"ask": "parse" | "surface" | "names", ..}'`.
"use strict";

const fs = require("fs");
const path = require("path");
const { parse, errors } = require("./tree");
const { read, surface } = require("./declared");

/// A file's text; of a page, its Swift alone, at the lines where it stands.
function text(file) {
  const whole = fs.readFileSync(file, "utf8");
  if (!file.endsWith(".md")) return whole;
  let isSwift = false;
  const kept = whole.split("\n").map((line) => {
    if (line.startsWith("```")) return (isSwift = line === "```swift"), "";
    return isSwift ? line : "";
  });
  return kept.join("\n");
}

/// Where the files cannot be read, by file; `text` in place of a file's own is what it holds.
function parsed({ files, generated }) {
  const found = files.map(([file, instead]) => [file, errors(parse(instead ?? text(file), { generated }))]);
  return Object.fromEntries(found);
}

const api = (generated) => read(parse(text(generated), { generated: true }));

/// A C header's functions with how many arguments they take, and its constants.
function header(file) {
  const source = text(file);
  const functions = [...source.matchAll(/(\w+)\(([^()]*)\);/g)].map((it) => [it[1], it[2].split(",").length]);
  const constants = [...source.matchAll(/#define (\w+) \d/g)].map((it) => [it[1], null]);
  return new Map([...functions, ...constants]);
}

/// What is used and does not exist, by file, and how many uses were found where. `instead` are texts to be judged in the
/// place of a file's own, each by itself: what is wrong in that file then.
function names({ files, generated, audio, instead = [] }) {
  const { brought } = require("./frameworks");
  const { Names } = require("./names");
  const trees = new Map(files.map((file) => [file, parse(text(file))]));
  const listed = text(path.join(__dirname, "swift-only.txt")).split("\n").filter((line) => !line.startsWith("#"));
  const world = { api: api(generated), c: header(audio), swiftOnly: new Set(listed.flatMap((line) => line.split(/\s+/))) };
  const declared = (of) => [...of.values()].reduce((into, tree) => read(tree, into), read(parse("")));
  const judged = (root, own) => {
    const imports = [...root.text.matchAll(/^(?:@\w+ )?import (\w+)/gm)].map((it) => it[1]);
    const { wrong, counts, used } = new Names({ ...world, own, reach: brought(imports), root }).check();
    return { wrong, counts, used: [...used] };
  };
  const own = declared(trees);
  const found = [...trees].map(([file, root]) => [file, judged(root, own)]);
  const controls = instead.map(([file, broken]) => {
    const root = parse(broken);
    return judged(root, declared(new Map([...trees, [file, root]]))).wrong;
  });
  const used = new Set(found.flatMap(([, it]) => it.used));
  const idle = [...world.swiftOnly].filter((name) => name && !used.has(name));
  return { files: Object.fromEntries(found), idle, controls };
}

const asked = JSON.parse(process.argv[2] === "-" ? fs.readFileSync(0, "utf8") : process.argv[2]);
const answers = { parse: parsed, surface: ({ generated }) => surface(api(generated)), names };
process.stdout.write(JSON.stringify(answers[asked.ask](asked)));
