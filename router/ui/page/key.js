// The admin key: asked for when the router wants one, kept in this tab's session storage only.
import { $, setText } from './dom.js';

const STORED = 'baton-admin-key';
let asking = null;

export const adminKey = () => sessionStorage.getItem(STORED);

/** Asks for the key; all who wait get the same answer. `refused`: the one that was tried. */
export function askForKey(refused, message) {
  // Another request may have been given a new one meanwhile.
  if (adminKey() !== refused && adminKey() !== null) return Promise.resolve();
  asking ??= open(refused === null ? null : message).finally(() => {
    asking = null;
  });
  return asking;
}

function open(complaint) {
  const dialog = $('key');
  const value = $('key-value');
  if (complaint !== null) setText($('key-why'), `That key was not accepted. ${complaint}`);
  value.value = '';
  if (!dialog.open) dialog.showModal();
  value.focus();
  return new Promise((/** @type {(nothing?: undefined) => void} */ resolve) => {
    dialog.addEventListener(
      'close',
      () => {
        if (value.value !== '') sessionStorage.setItem(STORED, value.value.trim());
        resolve();
      },
      { once: true },
    );
  });
}
