// The schema library's one importing module, and how its complaints become sentences an operator can act on.
import { z } from 'zod';
import { BatonError } from './errors.ts';

export { z };

/** Parses `value`; a violation becomes a `bad_config` error that names each key, the value found and the fix. */
export function parseSettings<T extends z.ZodType>(schema: T, value: unknown, where: string): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const complaints = parsed.error.issues.slice(0, 8).map((issue) => complaint(issue, value));
  throw new BatonError('bad_config', `${where}: ${complaints.join('; ')}`);
}

function complaint(issue: z.core.$ZodIssue, root: unknown): string {
  const key = issue.path.map(String).join('.') || '(top level)';
  if (issue.code === 'unrecognized_keys') {
    const names = issue.keys.slice(0, 8).map(nameShown);
    return `${key}: unknown key${names.length > 1 ? 's' : ''} ${names.join(', ')}: remove or correct the spelling`;
  }
  return `${key} = ${shown(at(root, issue.path), key)}: ${issue.message}`;
}

function at(root: unknown, path: readonly PropertyKey[]): unknown {
  let value = root;
  for (const step of path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[step];
  return value;
}

/** As in `{secret:value}`, where YAML wants a space, a key may hold a value: shown is what can be a misspelt name. */
const nameShown = (name: string): string => (/^[A-Za-z0-9_.-]{1,24}$/.test(name) ? name : '(no name)');

// A secret's value never appears in a message, also where it stands in a wrong place of its section.
function shown(value: unknown, key: string): string {
  if (value === undefined) return 'not set';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'a mapping';
  if (/^(tenants|cluster)\b|secret|key|password|token_hash/i.test(key)) return '(hidden)';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
