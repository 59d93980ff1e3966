// What Swift files declare: types with their functions, initialisers, cases and properties, and what stands outside types.
"use strict";

const { walk, child, children } = require("./tree");

const FUNCTIONS = ["function_declaration", "protocol_function_declaration", "init_declaration"];
const TYPES = ["class_declaration", "protocol_declaration"];

/// The bare name of a type: `[Card]?` is a list, `any CoreProtocol` is `CoreProtocol`, `Line?` is `Line`.
function bare(type) {
  if (!type) return null;
  const text = type.text.replace(/^(any|some|inout) /, "").replace(/[?!]+$/, "");
  return /^\w+(\.\w+)*$/.test(text) ? text.split(".").pop() : null;
}

function parameter(node, hasDefault) {
  const names = node.namedChildren.filter((part) => part.type === "simple_identifier");
  const type = node.namedChildren.at(-1);
  return { label: names[0].text, name: names.at(-1).text, type: type.text, bare: bare(type), hasDefault };
}

function parameters(node) {
  return node.namedChildren.flatMap((part) => {
    if (part.type !== "parameter") return [];
    const next = part.nextSibling;
    return [parameter(part, next !== null && next.type === "=")];
  });
}

function callable(node) {
  const isInit = node.type === "init_declaration";
  const name = isInit ? "init" : child(node, "simple_identifier").text.replaceAll("`", "");
  const arrow = node.children.findIndex((part) => part.type === "->");
  const returns = arrow < 0 ? null : node.children[arrow + 1];
  const head = node.text.slice(0, (child(node, "function_body")?.startIndex ?? node.endIndex) - node.startIndex);
  return {
    name,
    parameters: parameters(node),
    returns: returns?.text ?? null,
    bare: bare(returns),
    isAsync: /\)\s*async\b/.test(head),
    throws: /\bthrows\b/.test(head),
    isStatic: /\bstatic\b/.test(child(node, "modifiers")?.text ?? ""),
  };
}

/// The labels of a case's values, `_` where a value has none.
function values(entry) {
  const inside = child(entry, "enum_type_parameters");
  if (!inside) return [];
  const found = [];
  let label = "_";
  for (const part of inside.namedChildren) {
    if (part.type === "simple_identifier") label = part.text;
    else if (!part.type.endsWith("comment")) {
      found.push({ label, type: part.text, bare: bare(part) });
      label = "_";
    }
  }
  return found;
}

function property(node) {
  const name = child(child(node, "pattern"), "simple_identifier");
  const annotation = child(node, "type_annotation");
  const made = child(node, "call_expression")?.namedChildren[0];
  const type = annotation?.namedChildren[0];
  const isMade = !type && made?.type === "simple_identifier" && /^[A-Z]/.test(made.text);
  return name && { name: name.text, type: type?.text ?? null, bare: type ? bare(type) : isMade ? made.text : null };
}

const empty = () => ({ types: new Map(), functions: [] });

function typeOf(into, name) {
  if (!into.types.has(name)) {
    into.types.set(name, { name, kind: "extension", inherits: [], functions: [], cases: [], properties: [] });
  }
  return into.types.get(name);
}

/// Adds what a tree declares to `into`. An extension adds to its type.
function read(root, into = empty()) {
  (function look(node, inside) {
    if (TYPES.includes(node.type)) {
      const type = typeOf(into, child(node, "type_identifier", "user_type").text);
      const keyword = node.children.find((part) => ["class", "struct", "enum", "actor", "protocol"].includes(part.type));
      if (keyword) type.kind = keyword.type;
      type.isPublic ||= /\b(public|open)\b/.test(child(node, "modifiers")?.text ?? "");
      type.inherits.push(...children(node, "inheritance_specifier").map((part) => part.text));
      inside = type;
    } else if (FUNCTIONS.includes(node.type)) {
      (inside ? inside.functions : into.functions).push(callable(node));
      return;
    } else if (node.type === "enum_entry") {
      for (const name of children(node, "simple_identifier")) inside.cases.push({ name: name.text, values: values(node) });
      return;
    } else if (["property_declaration", "protocol_property_declaration"].includes(node.type)) {
      const found = property(node);
      if (found && inside) inside.properties.push(found);
      return;
    } else if (node.type === "typealias_declaration") {
      const name = child(node, "type_identifier").text;
      Object.assign(typeOf(into, name), { kind: "typealias", alias: node.text.replace(/^.*=\s*/s, "") });
      return;
    }
    for (const part of node.namedChildren) look(part, inside);
  })(root, null);
  return into;
}

const words = (text) => text.replace(/\/\*.*?\*\//gs, "").replace(/\s+/g, " ").trim();

function spelled(owner, it) {
  const of = it.parameters.map((part) => {
    const names = part.label === part.name ? part.label : `${part.label} ${part.name}`;
    return `${names}: ${words(part.type)}${part.hasDefault ? " = .." : ""}`;
  });
  const after = (it.isAsync ? " async" : "") + (it.throws ? " throws" : "") + (it.returns ? ` -> ${words(it.returns)}` : "");
  return `${owner ? `${owner}.` : ""}${it.name}(${of.join(", ")})${after}`;
}

const ofTheScaffolding = /^(Ffi|Uniffi|uniffi|RustBuffer|ForeignBytes)|Impl$/;

/// The API as an app sees it: a line for each thing, without comments and without the generator's own machinery.
function surface({ types, functions }) {
  const lines = [];
  for (const type of [...types.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    if (!type.isPublic && type.kind !== "typealias") continue;
    if (ofTheScaffolding.test(type.name) || type.name === "CoreProtocol" || type.name === "NoHandle") continue;
    if (type.kind === "typealias" && type.name === "SwiftType") continue;
    const above = type.inherits.length ? `: ${[...new Set(type.inherits)].join(", ")}` : "";
    lines.push(type.alias ? `typealias ${type.name} = ${type.alias}` : `${type.kind} ${type.name}${above}`);
    for (const it of type.cases) {
      const of = it.values.map((value) => `${value.label}: ${words(value.type)}`).join(", ");
      lines.push(`  case ${it.name}${of ? `(${of})` : ""}`);
    }
    const isPort = type.kind === "protocol";
    for (const it of type.properties) if (!isPort && !/^(handle|errorDescription)$/.test(it.name)) lines.push(`  let ${it.name}: ${it.type}`);
    for (const it of type.functions) {
      if (/^uniffi/.test(it.name) || it.parameters.some((part) => /^(unsafeFromHandle|noHandle)$/.test(part.label))) continue;
      lines.push(`  ${it.isStatic ? "static " : ""}${spelled("", it)}`);
    }
  }
  for (const it of functions) if (!ofTheScaffolding.test(it.name) && /Text$/.test(it.name)) lines.push(`func ${spelled("", it)}`);
  return lines;
}

module.exports = { read, surface, parameters, bare, property, walk };
