// Swift as a tree, by tree-sitter's grammar. It tells whether a file can be read, and nothing about types.
"use strict";

const Parser = require("tree-sitter");
const Swift = require("tree-sitter-swift");

// What Swift has and this grammar lacks, all of it written by UniFFI's generator: an attribute under a condition, an
// unchecked static, and a closure that is just `()`. Blanked in the generated file before it is read, column
// by column; hand-written files do without.
const UNKNOWN_TO_THE_GRAMMAR = [
  /^#if swift\(>=5\.8\)\n *@_documentation\(visibility: private\)\n *#endif/gm,
  /nonisolated\(unsafe\)(?= static let vtablePtr)/g,
  /(?<=let writeReturn = \{ )\(\)(?= \})/g,
];

const blank = (text) => text.replace(/[^\n]/g, " ");

function parse(source, { generated = false } = {}) {
  if (generated) for (const construct of UNKNOWN_TO_THE_GRAMMAR) source = source.replace(construct, blank);
  const parser = new Parser();
  parser.setLanguage(Swift);
  return parser.parse((from) => source.slice(from, from + 16384)).rootNode;
}

function* walk(node) {
  yield node;
  for (const child of node.namedChildren) yield* walk(child);
}

/// Where the source is not Swift: nodes the grammar could not read, or had to make up.
function errors(root) {
  const found = [];
  (function look(node) {
    if (node.isError || node.isMissing) {
      const what = node.isMissing ? `${node.type} is missing` : "cannot be read";
      found.push(`${node.startPosition.row + 1}:${node.startPosition.column + 1}: ${what}`);
    } else if (node.hasError) {
      node.children.forEach(look);
    }
  })(root);
  return found;
}

const child = (node, ...types) => node.namedChildren.find((child) => types.includes(child.type));
const children = (node, type) => node.namedChildren.filter((child) => child.type === type);
const line = (node) => node.startPosition.row + 1;

module.exports = { parse, walk, errors, child, children, line };
