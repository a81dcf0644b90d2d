#!/usr/bin/env node
// Starts the command line on the Node.js that `npm ci` installed, whatever Node.js the shell has.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const own = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));
const node = existsSync(own) ? own : process.execPath;
const main = fileURLToPath(new URL('./main.ts', import.meta.url));
const child = spawn(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
child.once('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
