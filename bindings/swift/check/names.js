// Whether every name that hand-written Swift uses exists: in these files, in the generated API, in Apple's frameworks, or
// in `swift-only.txt`. A closed world, for want of a compiler: a misspelt name is in none of them, wherever it stands.
"use strict";

const { walk, child, children, line } = require("./tree");
const { bare, read } = require("./declared");

const isType = (name) => /^[A-Z]/.test(name);

/// Labels as they are written: `_` where there is none, `null` for a trailing closure.
function labels(suffix) {
  const found = [];
  for (const it of suffix ? children(child(suffix, "value_arguments") ?? suffix, "value_argument") : []) {
    found.push(child(it, "value_argument_label")?.text ?? "_");
  }
  if (suffix) for (const it of suffix.namedChildren) if (it.type === "lambda_literal") found.push(null);
  return found;
}

/// `reportCall(with:endedAt:reason:)`, `map{}`
function spell(name, given) {
  const closures = given.filter((label) => label === null).length;
  const named = given.filter((label) => label !== null).map((label) => `${label}:`);
  return name + (named.length || !closures ? `(${named.join("")})` : "") + "{}".repeat(closures);
}

/// Types that Swift has of its own beside Objective-C's: what the frameworks do not list of them may be Swift's.
const OVERLAID = new Set(["String", "Locale", "NSLocale", "URL", "CharacterSet", "Data", "Date", "UUID", "NSDictionary", "NSArray", "NSSet", "FileManager", "NSFileManager"]);

/// Whether arguments fit parameters: in order, the ones with a default may be left out, a trailing closure takes any label.
function fits(given, parameters) {
  let at = 0;
  for (const label of given) {
    while (at < parameters.length && label !== null && parameters[at].label !== label && parameters[at].hasDefault) at++;
    if (label === null) while (at < parameters.length - 1 && parameters[at].hasDefault) at++;
    if (at === parameters.length || (label !== null && parameters[at].label !== label)) return false;
    at++;
  }
  return parameters.slice(at).every((it) => it.hasDefault);
}

class Names {
  constructor({ own, api, reach, c, swiftOnly, root }) {
    Object.assign(this, { own, api, reach, c, swiftOnly, root, bound: new Map(), generic: new Set(), used: new Set(), wrong: [], counts: { api: 0, frameworks: 0, own: 0, swift: 0 } });
    this.worlds = [["own", own], ["api", api]];
  }

  /// What this file binds, each with its type where that is seen. Scopes are not told apart.
  bind() {
    const put = (name, type) => this.bound.set(name, new Set([...(this.bound.get(name) ?? []), type]));
    for (const node of walk(this.root)) {
      if (node.type === "type_parameter") this.generic.add(child(node, "type_identifier")?.text);
      if (node.type === "parameter") {
        const names = children(node, "simple_identifier");
        put(names.at(-1).text, bare(node.namedChildren.at(-1)));
      } else if (node.type === "lambda_parameter") {
        for (const name of children(node, "simple_identifier")) put(name.text, null);
      } else if (node.type === "property_declaration") {
        const name = child(child(node, "pattern"), "simple_identifier");
        const type = child(node, "type_annotation")?.namedChildren[0];
        const value = node.namedChildren.at(-1);
        if (name) put(name.text, type ? bare(type) : this.typeOf(value));
        else for (const it of walk(child(node, "pattern"))) if (it.type === "simple_identifier") put(it.text, null);
      } else if (node.type === "value_binding_pattern") {
        const next = node.nextNamedSibling;
        if (next?.type === "simple_identifier") {
          const of = node.parent.parent?.type === "if_statement" || node.parent.parent?.type === "guard_statement" ? node.parent.nextNamedSibling : null;
          put(next.text, of ? this.typeOf(of) : null);
        }
      } else if (node.type === "for_statement" || node.type === "pattern") {
        for (const it of children(node.type === "pattern" ? node : child(node, "pattern") ?? node, "simple_identifier")) {
          if (node.type === "for_statement") put(it.text, null);
        }
      } else if (node.type === "capture_list_item") {
        for (const it of children(node, "simple_identifier")) if (!this.bound.has(it.text)) put(it.text, null);
      }
    }
  }

  /// The type of an expression, where it can be seen without inference.
  typeOf(node) {
    if (!node) return null;
    switch (node.type) {
      case "simple_identifier": {
        const types = this.bound.get(node.text);
        if (types?.size === 1) return [...types][0];
        return isType(node.text) && !types ? node.text : null;
      }
      case "navigation_expression": {
        const of = this.typeOf(node.namedChildren[0]);
        const name = child(child(node, "navigation_suffix") ?? node, "simple_identifier")?.text;
        return of && name ? this.memberType(of, name) : null;
      }
      case "call_expression": {
        const callee = node.namedChildren[0];
        if (callee.type === "simple_identifier" && isType(callee.text)) return callee.text;
        if (callee.type !== "navigation_expression") return null;
        const of = this.typeOf(callee.namedChildren[0]);
        const name = child(child(callee, "navigation_suffix") ?? callee, "simple_identifier")?.text;
        for (const [, world] of this.worlds) {
          const it = world.types.get(of)?.functions.find((it) => it.name === name);
          if (it) return it.bare;
        }
        return of && isType(callee.namedChildren[0].text) ? this.memberType(of, name) : null;
      }
      case "try_expression":
      case "await_expression":
        return this.typeOf(node.namedChildren.at(-1));
      default:
        return null;
    }
  }

  memberType(of, name) {
    for (const [, world] of this.worlds) {
      const type = world.types.get(of);
      const it = type?.properties.find((it) => it.name === name);
      if (it) return it.bare;
      if (type?.cases.some((it) => it.name === name)) return of;
    }
    const member = this.reach.property(of, name);
    if (!member) return null;
    const type = member.type.replace(/ \| null$/, "").replace(/^NS(?=UUID|URL|String|Array|Set)/, "");
    return /^\w+$/.test(type) && this.reach.type(type) ? type : null;
  }

  found(where) {
    this.counts[where]++;
    return true;
  }

  say(node, what) {
    this.wrong.push(`${line(node)}: ${what}`);
    return false;
  }

  swift(name) {
    if (!this.swiftOnly.has(name)) return false;
    this.used.add(name);
    return this.found("swift");
  }

  check() {
    this.bind();
    for (const node of walk(this.root)) {
      if (node.type === "call_expression") this.call(node);
      else if (node.type === "navigation_expression") this.member(node);
      else if (node.type === "prefix_expression") this.implicit(node);
      else if (node.type === "type_identifier") this.type(node);
      else if (node.type === "simple_identifier") this.free(node);
      else if (node.type === "pattern") this.pattern(node);
      else if (node.type === "switch_statement") this.exhausts(node);
      else if (node.type === "class_declaration") this.conforms(node);
    }
    return this;
  }

  call(node) {
    const [callee] = node.namedChildren;
    // `numbers[0]`
    if (child(child(node, "call_suffix"), "value_arguments")?.text.startsWith("[")) {
      return callee.type === "simple_identifier" ? this.free(callee, true) : this.member(callee, true);
    }
    const given = labels(child(node, "call_suffix"));
    // `merging(fresh) { .. }`, which the grammar sometimes reads as a call of what the call gave.
    if (callee.type === "call_expression" && given.every((label) => label === null)) return true;
    if (node.parent.type === "call_expression" && node.parent.namedChildren[0].id === node.id) given.push(...labels(child(node.parent, "call_suffix")));
    if (callee.type === "simple_identifier") {
      return isType(callee.text) ? this.init(node, callee.text, given) : this.function(node, null, callee.text, given);
    }
    if (callee.type === "navigation_expression") {
      const name = child(child(callee, "navigation_suffix"), "simple_identifier")?.text;
      if (!name) return true;
      return name === "init" ? true : this.function(node, callee.namedChildren[0], name, given);
    }
    if (callee.type === "prefix_expression" && callee.text.startsWith(".")) return this.constructs(node, callee.text.slice(1), given);
    return true;
  }

  init(node, name, given) {
    for (const [where, world] of this.worlds) {
      const type = world.types.get(name);
      const inits = type?.functions.filter((it) => it.name === "init") ?? [];
      if (inits.some((it) => fits(given, it.parameters))) return this.found(where);
      // A struct's own initialiser: its properties in order, those with a value of their own may be left out.
      if (where === "own" && type?.kind === "struct" && !inits.length) {
        const names = type.properties.map((it) => it.name);
        const places = given.map((label) => names.indexOf(label));
        if (places.every((at, n) => at >= 0 && (n === 0 || at > places[n - 1]))) return this.found(where);
      }
      if (type && where === "own" && type.kind !== "extension" && !given.length) return this.found(where);
      if (type && type.kind !== "extension") return this.say(node, `there is no ${spell(name, given)}`);
    }
    const spelled = spell(name, given);
    if (this.reach.hasFunction(name, given.length)) return this.found("frameworks");
    if (this.reach.type(name)) {
      return this.reach.hasInit(name, given) ? this.found("frameworks") : this.swift(spelled) || this.say(node, `there is no ${spelled}`);
    }
    return this.swift(spelled) || this.say(node, `nobody has ${spelled}`);
  }

  function(node, receiver, name, given) {
    const type = receiver ? this.typeOf(receiver) : null;
    const spelled = spell(name, given);
    for (const [where, world] of this.worlds) {
      const at = type && world.types.get(type);
      const isCase = at?.cases.some((it) => it.name === name && fits(given, it.values.map((value) => ({ ...value, hasDefault: false }))));
      if (at && (isCase || at.functions.some((it) => it.name === name && fits(given, it.parameters)))) return this.found(where);
    }
    // What is called on a type of the API is the API's, whatever else has that name.
    if (type && this.api.types.has(type) && this.api.types.get(type).kind !== "typealias") {
      return this.say(node, `${type} has no ${spelled}`);
    }
    if (type && this.reach.type(type)) {
      if (this.reach.hasMethod(type, name, given)) return this.found("frameworks");
      return (OVERLAID.has(type) && this.swift(spelled)) || this.say(node, `${type} has no ${spelled}`);
    }
    if (!receiver && this.bound.has(name)) return this.found("own");
    for (const [where, world] of this.worlds) {
      const all = [...world.functions, ...[...world.types.values()].flatMap((it) => it.functions)];
      if (all.some((it) => it.name === name && fits(given, it.parameters))) return this.found(where);
    }
    if (receiver ? this.reach.hasMethod(null, name, given) : this.reach.hasFunction(name, given.length)) return this.found("frameworks");
    if (!receiver && this.c.get(name) === given.length) return this.found("api");
    return this.swift(spelled) || this.say(node, `nobody has ${spelled}`);
  }

  /// `.contactsPage(numbers: .., next: ..)`
  constructs(node, name, given) {
    for (const [where, world] of this.worlds) {
      for (const type of world.types.values()) {
        if (type.cases.some((it) => it.name === name && fits(given, it.values.map((value) => ({ ...value, hasDefault: false }))))) return this.found(where);
      }
    }
    return this.swift(`.${spell(name, given)}`) || this.say(node, `no case .${spell(name, given)}`);
  }

  /// A property, or a function that is not called here.
  member(node, isSubscripted = false) {
    const isCallee = !isSubscripted && node.parent.type === "call_expression" && node.parent.namedChildren[0].id === node.id;
    const name = child(child(node, "navigation_suffix") ?? node, "simple_identifier")?.text;
    if (!name || isCallee || isType(name)) return true;
    const type = this.typeOf(node.namedChildren[0]);
    for (const [where, world] of this.worlds) {
      const at = type && world.types.get(type);
      if (at && [...at.properties, ...at.cases, ...at.functions].some((it) => it.name === name)) return this.found(where);
    }
    if (type && this.api.types.has(type) && this.api.types.get(type).kind !== "typealias") {
      return this.say(node, `${type} has no ${name}`);
    }
    if (type && this.reach.type(type) && !this.own.types.has(type)) {
      if (this.reach.property(type, name) || this.reach.hasCase(name)) return this.found("frameworks");
      return (OVERLAID.has(type) && this.swift(name)) || this.say(node, `${type} has no ${name}`);
    }
    for (const [where, world] of this.worlds) {
      if ([...world.types.values()].some((it) => [...it.properties, ...it.cases].some((it) => it.name === name))) return this.found(where);
    }
    if (this.reach.property(null, name)) return this.found("frameworks");
    return this.swift(name) || this.say(node, `nobody has a property ${name}`);
  }

  /// `.voIP`, `.satisfied`
  implicit(node) {
    if (!node.text.startsWith(".") || node.parent.type === "call_expression" && node.parent.namedChildren[0].id === node.id) return true;
    return this.case(node, child(node, "simple_identifier")?.text);
  }

  case(node, name) {
    if (!name) return true;
    for (const [where, world] of this.worlds) {
      if ([...world.types.values()].some((it) => it.cases.some((it) => it.name === name))) return this.found(where);
    }
    return (this.reach.hasCase(name) && this.found("frameworks")) || this.swift(`.${name}`) || this.say(node, `no case .${name}`);
  }

  /// `case .notice(.resync, _)`: the case is there, and has as many values.
  pattern(node) {
    const text = node.text;
    if (!text.startsWith(".") && !/^\w+\./.test(text)) return true;
    const name = children(node, "simple_identifier").at(-1)?.text;
    return this.values(node, name, children(node, "pattern").length, child(node, "user_type")?.text);
  }

  values(node, name, given, type) {
    for (const [where, world] of this.worlds) {
      for (const it of world.types.values()) {
        if (type && it.name !== type) continue;
        if (it.cases.some((it) => it.name === name && (given === 0 || given === it.values.length))) return this.found(where);
      }
    }
    if (type) return this.say(node, `${type} has no case ${name}`);
    if (given === 0 && this.reach.hasCase(name)) return this.found("frameworks");
    return this.swift(`.${name}`) || this.say(node, `no case .${name} with ${given} values`);
  }

  /// A switch without a default names every case of its enumeration.
  exhausts(node) {
    const entries = children(node, "switch_entry");
    if (entries.some((it) => child(it, "default_keyword"))) return true;
    const patterns = entries.flatMap((it) => children(it, "switch_pattern")).map((it) => it.namedChildren[0]);
    if (patterns.some((it) => !it.text.startsWith(".") || /^\.(some|none)\b/.test(it.text))) return true;
    const named = new Set(patterns.map((it) => child(it, "simple_identifier").text));
    const enums = this.worlds.flatMap(([, world]) => [...world.types.values()]).filter((it) => it.cases.length);
    const candidates = enums.filter((it) => [...named].every((name) => it.cases.some((it) => it.name === name)));
    if (!candidates.length) return true;
    const missing = (it) => it.cases.filter((it) => !named.has(it.name)).map((it) => it.name);
    if (candidates.some((it) => missing(it).length === 0)) return this.found("api");
    const closest = candidates.sort((a, b) => missing(a).length - missing(b).length)[0];
    return this.say(node, `the switch leaves out ${missing(closest).join(", ")} of ${closest.name}`);
  }

  /// A port has every function of its protocol. An extension that adds an Objective-C protocol holds that protocol's
  /// functions and nothing else.
  conforms(node) {
    const above = children(node, "inheritance_specifier").map((it) => it.text);
    const declared = [...read(node).types.values()];
    const same = (one, other) => one.name === other.name && spell("", one.parameters.map((it) => it.label)) === spell("", other.parameters.map((it) => it.label));
    for (const port of above.map((it) => this.api.types.get(it)).filter((it) => it?.kind === "protocol")) {
      for (const it of port.functions) {
        if (declared[0].functions.some((mine) => same(mine, it))) this.found("api");
        else this.say(node, `${declared[0].name} lacks ${spell(it.name, it.parameters.map((part) => part.label))} of ${port.name}`);
      }
    }
    const delegates = above.filter((it) => /Delegate$/.test(it) && this.reach.type(it));
    if (!delegates.length) return true;
    for (const type of declared) {
      for (const it of type.functions) {
        const given = it.parameters.map((part) => part.label);
        if (it.name === "init") continue;
        if (delegates.some((name) => this.reach.hasMethod(name, it.name, given))) this.found("frameworks");
        else this.say(node, `${delegates.join(", ")} has no ${it.name}(${given.map((label) => `${label}:`).join("")})`);
      }
    }
    return true;
  }

  type(node) {
    const name = node.text;
    if (this.generic.has(name)) return true;
    for (const [where, world] of this.worlds) if (world.types.has(name)) return this.found(where);
    const { reach } = this;
    if (reach.type(name) || reach.hasGlobal(name) || reach.hasTypeOfConstants(name)) return this.found("frameworks");
    if (this.c.has(name)) return this.found("api");
    return this.swift(name) || this.say(node, `nobody knows the type ${name}`);
  }

  /// A name that stands by itself.
  free(node, isSubscripted = false) {
    const name = node.text;
    const holder = node.parent.type;
    const isUse = /expression|assignment|statements|value_argument$|dictionary|array|interpolat|transfer|_statement$|directly_assignable/.test(holder) && holder !== "navigation_suffix";
    if (!isUse || name.startsWith("$") || this.bound.has(name)) return true;
    if ((holder === "call_expression" && !isSubscripted) || name === "_") return true;
    // `if case .number(let number) = choice`: the grammar puts the case's name beside its values.
    if (/^(if|guard)_statement$/.test(holder) && node.previousSibling?.type === ".") {
      let given = 0;
      for (let next = node.nextNamedSibling; next?.type === "pattern"; next = next.nextNamedSibling) given++;
      return this.values(node, name, given);
    }
    if (holder === "prefix_expression" && node.parent.text.startsWith(".")) return true;
    if (isType(name)) return this.type(node);
    for (const [where, world] of this.worlds) {
      if ([...world.types.values()].some((it) => [...it.properties, ...it.functions].some((it) => it.name === name))) return this.found(where);
    }
    if (this.reach.hasGlobal(name)) return this.found("frameworks");
    return this.swift(name) || this.say(node, `nobody has ${name}`);
  }
}

module.exports = { Names };
