// docs/configuration.md from the schema of core/settings.ts: keys, defaults, bounds and descriptions.

const patterns = {
  '^[A-Za-z0-9._-]{1,63}$': '1 to 63 of letters, digits, dot, underscore, hyphen',
  '^[0-9a-f]{64}$': 'SHA-256 in lower-case hex',
  '^.+:\\d+$': '`host:port`',
  '^(tcp:\\/\\/.+:\\d+|ipc:\\/\\/.+)$': '`tcp://host:port` or `ipc://path`',
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

/** Every key below a section: [path, default as JSON or undefined, bound, meaning]. */
function keysOf(section, prefix) {
  return Object.entries(section.properties).flatMap(([name, node]) => {
    const path = prefix + name;
    if (node.type === 'object') return keysOf(node, `${path}.`);
    const below = node.items?.type === 'object' ? keysOf(node.items, `${path}[].`) : [];
    if (!node.description) throw new Error(`core/settings.ts: ${path} has no description`);
    return [[path, node.default, boundOf(node), node.description], ...below];
  });
}

/** Rows of the table: key, default, bound and meaning, as Markdown cells. */
export function settingsRows(schema) {
  return keysOf(schema, '').map(([path, value, bound, meaning]) => [
    `\`${path}\``,
    value === undefined ? 'required' : `\`${JSON.stringify(value)}\``,
    `${bound[0].toUpperCase()}${bound.slice(1)}. ${meaning}`,
  ]);
}
