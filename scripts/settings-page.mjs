// docs/configuration.md from the schema of core/settings.ts: keys, defaults and bounds from the schema itself, meanings from
// the comments above the keys.

/** Where the objects of core/settings.ts stand in the configuration. */
const places = {
  tenantSettings: 'tenants[].',
  modelSettings: 'router.models[].',
  engineEntry: 'router.engines[].',
  routerSettings: 'router.',
  transferSettings: 'transfer.',
  engineSettings: 'engine.',
  settings: '',
};

const patterns = {
  '^[A-Za-z0-9._-]{1,63}$': '1 to 63 of letters, digits, dot, underscore, hyphen',
  '^[0-9a-f]{64}$': 'SHA-256 in lower-case hex',
  '^.+:\\d+$': '`host:port`',
};

function rangeOf({ minimum, exclusiveMinimum, maximum = Infinity }) {
  const from =
    exclusiveMinimum !== undefined
      ? `above ${exclusiveMinimum}`
      : minimum > Number.MIN_SAFE_INTEGER && `at least ${minimum}`;
  const to = maximum < Number.MAX_SAFE_INTEGER && `at most ${maximum}`;
  return [from, to].filter(Boolean).join(', ');
}

function boundOf(node) {
  if (node.anyOf) return node.anyOf.map(boundOf).join(', or ');
  if (node.enum) return node.enum.map((value) => `\`${value}\``).join(', ');
  if (node.type === 'null') return '`null`';
  if (node.type === 'boolean') return '`true`, `false`';
  if (node.type === 'array') {
    const count = [node.minItems && `at least ${node.minItems}`, node.maxItems && `at most ${node.maxItems}`];
    const items = node.items.type === 'object' ? 'the keys below' : boundOf(node.items);
    return ['list', ...count].filter(Boolean).join(', ') + `; of each: ${items}`;
  }
  if (node.type === 'string') {
    if (node.pattern && patterns[node.pattern] === undefined)
      throw new Error(`settings-page.mjs: say in words what ${node.pattern} means`);
    if (node.format === 'uri') return '`http://` or `https://` URL';
    return (
      patterns[node.pattern] ?? (node.minLength > 1 ? `text, at least ${node.minLength} characters` : 'text')
    );
  }
  const range = rangeOf(node);
  return `${node.type === 'integer' ? 'whole number' : 'number'}${range && `, ${range}`}`;
}

/** Every key below a section: [path, default as JSON or undefined, bound]. */
function keysOf(section, prefix) {
  return Object.entries(section.properties).flatMap(([name, node]) => {
    const path = prefix + name;
    if (node.type === 'object') return keysOf(node, `${path}.`);
    const below = node.items?.type === 'object' ? keysOf(node.items, `${path}[].`) : [];
    return [[path, node.default, boundOf(node)], ...below];
  });
}

/** Comments that stand directly above a key, by the key's path. */
function meaningsOf(source, paths) {
  const meanings = new Map();
  const belongs = (path, place) =>
    path.startsWith(place) &&
    !Object.values(places).some((p) => p.length > place.length && path.startsWith(p));
  let place;
  let comment;
  for (const line of source.split('\n')) {
    const object = /^export const (\w+) = z/.exec(line)?.[1];
    if (object) place = places[object];
    const key = /^\s+(\w+):/.exec(line)?.[1];
    if (comment && key) {
      const found = paths.filter((path) => belongs(path, place) && path.split('.').at(-1) === key);
      if (found.length !== 1) throw new Error(`core/settings.ts: which key is "${comment}" about?`);
      meanings.set(found[0], comment);
    }
    comment = /^\s+\/\*\* (.*) \*\/$/.exec(line)?.[1];
  }
  return meanings;
}

/** Rows of the table: key, default, bound and meaning, as Markdown cells. */
export function settingsRows(schema, source) {
  const keys = keysOf(schema, '');
  const meanings = meaningsOf(
    source,
    keys.map(([path]) => path),
  );
  return keys.map(([path, value, bound]) => {
    const meaning = meanings.get(path);
    const text = bound[0].toUpperCase() + bound.slice(1);
    return [
      `\`${path}\``,
      value === undefined ? 'required' : `\`${JSON.stringify(value)}\``,
      meaning ? `${text}. ${meaning}` : `${text}.`,
    ];
  });
}
