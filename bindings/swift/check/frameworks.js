// Apple's Objective-C frameworks, as npm's @nativescript/types-ios lists them, under the names Swift gives them.
//
// The package holds selectors run together (`reportCallWithUUIDEndedAtDateReason`) and the parameters' names and types.
// Swift's importer splits a selector into a base name and labels and drops the words a parameter's type repeats
// (`reportCall(with:endedAt:reason:)`). Whether a Swift name can come from a selector is decided by walking both: each
// label's words must stand in the selector in order, and what stands between them must be words of the parameter before.
"use strict";

const fs = require("fs");
const path = require("path");

const FOLDER = path.join(__dirname, "node_modules/@nativescript/types-ios/lib/ios/objc-x86_64");

/// What each Swift import brings of what is listed. One that is missing here, as Network, SwiftUI and os are, is Swift's own.
const ALWAYS = ["Foundation", "ObjectiveC", "Darwin", "CoreFoundation", "Dispatch"];
const IMPORTS = {
  AVFAudio: ["AVFAudio", "CoreAudioTypes"],
  CallKit: ["CallKit"],
  Contacts: ["Contacts"],
  Foundation: [],
  MessageUI: ["MessageUI"],
  PushKit: ["PushKit"],
  Security: ["Security"],
  SwiftUI: ["UIKit"],
  UIKit: ["UIKit", "QuartzCore"],
};

/// `reportCallWithUUIDEndedAt` -> report call with uuid ended at
const words = (name) => (name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[A-Z]/g) ?? []).map((word) => word.toLowerCase());

function read(framework) {
  const into = { types: new Map(), functions: new Map(), constants: new Set() };
  const text = fs.readFileSync(path.join(FOLDER, `objc!${framework}.d.ts`), "utf8");
  let type = null;
  for (const line of text.split("\n")) {
    let it;
    if ((it = /^(?:declare )?(class|interface|const enum|enum) (\w+)(?:<[^{]*?>)?(?: extends ([\w, <>]+?))?(?: implements ([\w, ]+?))? \{/.exec(line.replace(/^declare /, "")))) {
      const above = `${it[3] ?? ""},${it[4] ?? ""}`.replace(/<.*?>/g, "").split(/,\s*/).filter(Boolean);
      type = into.types.get(it[2]) ?? { name: it[2], kind: it[1], above, members: [] };
      into.types.set(it[2], type);
    } else if ((it = /^declare function (\w+)\((.*)\): (.*);/.exec(line))) {
      into.functions.set(it[1], it);
    } else if ((it = /^declare (?:var|const) (\w+): [^{]/.exec(line))) {
      into.constants.add(it[1]);
    } else if (line.startsWith("}")) {
      type = null;
    } else if (type && (it = /^\t(static )?(?:readonly )?(\w+)(\?)?(?:\((.*)\))?(?:: ([^;=]*))?[;,]?(?: \/\/.*)?$/.exec(line.replace(/ = -?\d+,?$/, "")))) {
      const isCall = /^\t(static )?\w+\??\(/.test(line);
      type.members.push({ name: it[2], isStatic: !!it[1], parameters: isCall ? parameters(it[4] ?? "") : null, type: it[5] ?? "" });
    }
  }
  return into;
}

/// Splits `a: T; b: (p: U) => void` at the top level.
function split(text, separator) {
  const parts = [];
  let depth = 0, from = 0;
  for (let at = 0; at <= text.length; at++) {
    if ("(<{[".includes(text[at]) && at < text.length) depth++;
    else if (")}]".includes(text[at]) || (text[at] === ">" && text[at - 1] !== "=")) depth--;
    if (at === text.length || (text[at] === separator && depth === 0)) {
      const part = text.slice(from, at).trim();
      if (part) parts.push(part);
      from = at + 1;
    }
  }
  return parts;
}

function parameters(text) {
  const object = /^o: \{ (.*) \}$/.exec(text);
  return split(object ? object[1] : text, object ? ";" : ",").map((part) => {
    const [, name, type] = /^(\w+)\??: (.*)$/s.exec(part) ?? [null, part, ""];
    const isBlock = type.includes("=>");
    const isDroppable = /^(completion|completionHandler|error|options|attributes|deallocator)$/.test(name);
    return { name, type, isBlock, isDroppable, repeated: new Set([...words(name), ...words(type.replace(/\b(NS|CX|CN|AV|PK|MF|UI)(?=[A-Z])/g, ""))]) };
  });
}

const loaded = new Map();
function framework(name) {
  if (!loaded.has(name)) loaded.set(name, read(name));
  return loaded.get(name);
}

/// Everything that a file's imports bring.
function brought(imports) {
  const names = new Set([...ALWAYS, ...imports.flatMap((name) => IMPORTS[name] ?? [])]);
  return new Reach([...names].map(framework));
}

const startsWith = (whole, part) => part.every((word, at) => whole[at] === word);

/// Whether `base(labels)` can be what Swift calls a selector. A label `_` has no words; `null` is a trailing closure.
function canBe(base, labels, selector, given, ownWords) {
  // An `NSError` becomes `throws`, unless a label still names it.
  if (!labels.includes("error")) {
    given = given.filter((it) => it.name !== "error");
    ownWords = new Set([...ownWords, "error", "and", "return"]);
  }
  let rest = words(selector);
  const first = words(base);
  if (!startsWith(rest, first)) return false;
  rest = rest.slice(first.length);
  if (given.length < labels.length) return false;
  const extra = given.slice(labels.length);
  if (!extra.every((it) => it.isDroppable)) return false;
  // The base may have lost words that name the receiver's own type: `default` for `defaultCenter`.
  return follow(rest, labels, given, extra, ownWords, ownWords);
}

/// Eats words of the selector, first those that may be left out here, then the next label's.
function follow(rest, labels, given, extra, mayBeLeftOut, always) {
  if (labels.length === 0) {
    const last = new Set([...mayBeLeftOut, ...extra.flatMap((it) => [...it.repeated]), ...(extra.length ? ["with", "handler", "and", "return"] : [])]);
    return rest.every((word) => last.has(word));
  }
  const [label, ...others] = labels;
  const [parameter, ...behind] = given;
  const blockWords = parameter.isBlock ? ["using", "with", "block", "handler"] : [];
  const repeated = new Set([...always, ...parameter.repeated, ...blockWords, ...(behind[0]?.isBlock ? ["with"] : [])]);
  for (let skipped = 0; ; skipped++) {
    const here = rest.slice(skipped);
    const next = label === null || label === "_" ? [] : words(label);
    if (startsWith(here, next) && follow(here.slice(next.length), others, behind, extra, label === null ? new Set(here) : repeated, always)) return true;
    if (skipped >= rest.length || !mayBeLeftOut.has(rest[skipped])) return false;
  }
}

/// An initialiser's parameters are listed by name: a label is such a name, or one without the words of its type.
const isInit = (labels, given) =>
  labels.length <= given.length &&
  given.slice(labels.length).every((it) => it.isDroppable) &&
  labels.every((label, at) => {
    if (label === null || label === "_") return true;
    const [mine, theirs] = [words(label), words(given[at].name)];
    return startsWith(theirs, mine) && theirs.slice(mine.length).every((word) => given[at].repeated.has(word));
  });

class Reach {
  constructor(frameworks) {
    this.frameworks = frameworks;
  }

  /// A type by its Swift name; Foundation's have lost their NS.
  type(name) {
    for (const it of this.frameworks) {
      const found = it.types.get(name) ?? it.types.get(`NS${name}`);
      if (found) return found;
    }
    return null;
  }

  /// A type that Swift makes of constants: `PKPushType` of `PKPushTypeVoIP`.
  hasTypeOfConstants(name) {
    return this.frameworks.some((it) => [...it.constants].some((constant) => constant.startsWith(name) && constant !== name));
  }

  /// A C function, by its name and how many arguments it takes.
  hasFunction(name, count) {
    return this.frameworks.some((it) => split(it.functions.get(name)?.[2] ?? "", ",").length === count && it.functions.has(name));
  }

  *types(name) {
    const type = this.type(name);
    if (!type) return;
    yield type;
    for (const above of type.above) yield* this.types(above);
  }

  *members(typeName) {
    const from = typeName ? [...this.types(typeName)] : this.frameworks.flatMap((it) => [...it.types.values()]);
    for (const type of from) for (const member of type.members) yield [type, member];
  }

  /// A method `name(labels)`, of one type or of any.
  hasMethod(typeName, name, labels) {
    for (const [type, member] of this.members(typeName)) {
      if (member.parameters && member.name !== "constructor" && canBe(name, labels, member.name, member.parameters, new Set(words(type.name)))) return true;
    }
    return false;
  }

  hasInit(typeName, labels) {
    if (labels.length === 0) return this.type(typeName) !== null;
    for (const [, member] of this.members(typeName)) {
      if (member.name === "constructor" && isInit(labels, member.parameters)) return true;
    }
    return false;
  }

  /// A property: `isMuted` is `muted`, `uuid` is `UUID`, `shared` is `sharedApplication`.
  property(typeName, name) {
    const wanted = words(name);
    const plain = wanted[0] === "is" ? wanted.slice(1) : wanted;
    for (const [type, member] of this.members(typeName)) {
      if (member.parameters && member.parameters.length) continue;
      const has = words(member.name);
      const isIt = (asked) => startsWith(has, asked) && has.slice(asked.length).every((word) => words(type.name).includes(word));
      if (isIt(wanted) || isIt(plain)) return member;
    }
    return null;
  }

  /// A case of an enumeration, or a constant that Swift makes a member of its type: `.voIP` is `PKPushTypeVoIP`.
  hasCase(name) {
    const wanted = words(name).join("");
    for (const { types, constants } of this.frameworks) {
      for (const type of types.values()) {
        if (type.kind !== "class" && type.kind !== "interface" && type.members.some((it) => words(it.name).join("") === wanted)) return true;
      }
      for (const constant of constants) {
        const all = constant.replace(/Notification$/, "").toLowerCase();
        if (/^[A-Z]/.test(constant) && all.endsWith(wanted) && (all === wanted || wanted.length > 3)) return true;
      }
    }
    return false;
  }

  hasGlobal(name) {
    return this.frameworks.some((it) => it.constants.has(name) || it.functions.has(name));
  }
}

module.exports = { brought, words, IMPORTS, ALWAYS };
