// Questions to this router. Where it asks for the admin key, so does the page, and asks again with it.
import { adminKey, askForKey } from './key.js';

export class ApiError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function errorOf(response) {
  const { error = {} } = await response.json().catch(() => ({}));
  return new ApiError(response.status, error.code ?? '', error.message ?? `Status ${response.status}`);
}

/**
 * The response of a request that succeeded.
 * @param {string} path
 * @param {RequestInit & { headers?: Record<string, string> }} [options]
 */
export async function request(path, { headers = {}, ...init } = {}) {
  for (;;) {
    const key = adminKey();
    const sent = key === null ? headers : { ...headers, authorization: `Bearer ${key}` };
    const response = await fetch(path, { ...init, headers: sent, cache: 'no-store', redirect: 'error' });
    if (response.ok) return response;
    const error = await errorOf(response);
    if (error.code !== 'invalid_admin_key') throw error;
    await askForKey(key, error.message);
  }
}

export const getJson = async (path) => (await request(path)).json();
