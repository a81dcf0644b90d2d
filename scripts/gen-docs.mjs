// Writes what the documents take from the code: docs/errors.md from core/errors.ts, docs/configuration.md from core/settings.ts,
// the table of docs/doctor.md from router/doctor/codes.ts, those of docs/states.md from the state machines, and the tables of docs/metrics.md between `<!-- table NAME -->` and `<!-- end NAME -->` from the metric tables.
// test/unit/docs.test.ts compares them.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { head, none, row } from './markdown.mjs';
import { node, root } from './run.mjs';
import { settingsRows } from './settings-page.mjs';
import { stateTables } from './states-page.mjs';

/** Where metric tables stand: section of docs/metrics.md, module, export. */
const tables = [
  ['transfer', 'transfer/metrics.ts', 'TRANSFER_METRICS'],
  ['router', 'router/metrics.ts', 'ROUTER_METRICS'],
  ['engine', 'engines/reference/metrics.ts', 'ENGINE_METRICS'],
];

function errorsPage(errors) {
  const rows = Object.entries(errors).map(([code, entry]) => {
    const retry = [entry.retryAfter && 'Retry-After', entry.retryable && 'router'].filter(Boolean).join(', ');
    return row(`\`${code}\``, entry.status || none, retry || none, entry.meaning);
  });
  return `# Errors

Generated from \`core/errors.ts\` by \`node scripts/gen-docs.mjs\`. Status: of the HTTP answer, where the error reaches a client.
Retry: *Retry-After*, the answer says when to come again; *router*, the router itself may place the request again as long as
nothing was sent to the client.

${[...head('Code', 'Status', 'Retry', 'Meaning'), ...rows].join('\n')}
`;
}

function metricsTable(metrics) {
  const rows = Object.entries(metrics).map(([name, { kind, labels, help }]) =>
    row(`\`${name}\``, kind, labels.map((label) => `\`${label}\``).join(', ') || none, help),
  );
  return [...head('Name', 'Kind', 'Labels', 'Meaning'), ...rows].join('\n');
}

function configurationPage(schema) {
  const rows = settingsRows(schema).map((cells) => row(...cells));
  return `# Configuration

Generated from \`core/settings.ts\` by \`node scripts/gen-docs.mjs\`. One YAML file, of which \`baton router\`, \`baton transfer\` and
\`baton engine\` each read their own section, \`log\`, \`cluster\` and \`tenants\` (see the README for examples). Later sources win:
the defaults, the file (\`--config\`), the environment (\`BATON_ROUTER__PORT=8000\` is \`router.port\`), flags (\`--set router.port=8000\`).
An unknown key is an error. Port 0 is any free port, told in the ready line on standard output. Units stand in the names.

The cluster key is no setting: it comes from the files in \`cluster.key_files\`, or from \`BATON_CLUSTER_KEY\` and
\`BATON_CLUSTER_KEY_PREVIOUS\`; at most two keys of at least 32 bytes. Without one a process binds loopback only. The admin key comes likewise from the file in
\`router.admin.key_file\`, or from \`BATON_ADMIN_KEY\`. Without \`tenants\` there is one tenant, \`default\`, and no API key is asked for.

${[...head('Key', 'Default', 'Values and meaning'), ...rows].join('\n')}
`;
}

/** The page with what stands between the two marks of a section replaced; null: they are not there. */
function withTable(page, section, table) {
  const [begin, end] = [`<!-- table ${section} -->`, `<!-- end ${section} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  return from < 0 || to < from
    ? null
    : `${page.slice(0, from + begin.length)}\n\n${table}\n\n${page.slice(to)}`;
}

function codesTable(codes) {
  const rows = Object.entries(codes).map(([code, { levels, meaning, mend }]) =>
    row(`\`${code}\``, levels.join(', '), meaning, mend || none),
  );
  return [...head('Code', 'Level', 'Meaning', 'Mending'), ...rows].join('\n');
}

function fill(file, fillings) {
  const path = join(root, file);
  let page = readFileSync(path, 'utf8');
  for (const [section, table] of fillings) {
    const filled = withTable(page, section, table);
    if (filled === null) {
      console.error(`${file}: put the lines <!-- table ${section} --> and <!-- end ${section} --> there`);
      process.exitCode = 1;
    } else page = filled;
  }
  writeFileSync(path, page);
}

async function generate() {
  const { ERRORS } = await import(join(root, 'core/errors.ts'));
  writeFileSync(join(root, 'docs/errors.md'), errorsPage(ERRORS));
  const { z } = await import(join(root, 'core/schema.ts'));
  const { settings } = await import(join(root, 'core/settings.ts'));
  writeFileSync(join(root, 'docs/configuration.md'), configurationPage(z.toJSONSchema(settings)));
  const metrics = [];
  for (const [section, module, name] of tables) {
    if (existsSync(join(root, module)))
      metrics.push([section, metricsTable((await import(join(root, module)))[name])]);
  }
  fill('docs/metrics.md', metrics);
  const { CODES } = await import(join(root, 'router/doctor/codes.ts'));
  fill('docs/doctor.md', [['codes', codesTable(CODES)]]);
  fill('docs/states.md', await stateTables());
}

// The tables are TypeScript, which an older Node does not read.
if (node === process.execPath) await generate();
else process.exitCode = spawnSync(node, process.argv.slice(1), { stdio: 'inherit' }).status ?? 1;
