// The key to this person's kept mouths: only this browser has it.
import { address, call } from "./api";
import { Trouble } from "./errors";

const at = "livedub.mouths";
const form = /^[A-Za-z0-9_-]{43}$/;

/** The key, "" where none is remembered. */
export function keptKey(): string {
  try {
    const key = localStorage.getItem(at) ?? "";
    return form.test(key) ? key : "";
  } catch {
    return ""; // the browser keeps nothing for this page
  }
}

export function rememberKey(key: string): void {
  try {
    if (form.test(key)) localStorage.setItem(at, key);
  } catch {
    // the browser keeps nothing for this page: nobody will ever open those mouths
  }
}

/** Erases the mouths at the server, and then forgets the key: without it nobody could. */
export async function forgetMouths(): Promise<void> {
  const key = keptKey();
  if (!key) return;
  try {
    await call(address("v1/mouths"), { method: "DELETE", headers: { Authorization: `Bearer ${key}` } });
  } catch (e) {
    if (!(e instanceof Trouble) || e.kind !== "session-gone") throw e; // 404: nothing is left to erase
  }
  try {
    localStorage.removeItem(at);
  } catch {
    // nothing was there either
  }
}
