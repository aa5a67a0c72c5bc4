// How long the page waits. Browsers may leave a promise open for ever (a
// question that nobody answers, sound without a loudspeaker), and so may a
// server: every wait has an end here, and a Trouble that says what did not come.
import { Trouble, type Kind } from "./errors";

/** The longest waits, in seconds. */
export const limits = {
  answer: 15, // for the server, from the request to the end of its answer
  person: 60, // for somebody who is asked whether the page may use the camera
  browser: 10, // for what the browser does by itself: descriptions, statistics, lists
  sound: 2, // for sound to be processed here
  video: 20, // for a file's first frame, and for it to play
  stall: 15, // for a file that plays to go on
  frame: 30, // for the first dubbed frame, beyond the session's delay
};

const late = (s: number, kind: Kind, what: string): Trouble => new Trouble(kind, `${what}: nothing came within ${s} s`);

/**
 * What promised settles to, or the Trouble `kind` where that takes longer than
 * s seconds. A promise cannot be stopped: what it brings later is handed to `unwanted`.
 */
export function within<T>(s: number, kind: Kind, what: string, promised: Promise<T>, unwanted: (v: T) => void = () => undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    let over = false;
    const timer = setTimeout(() => {
      over = true;
      reject(late(s, kind, what));
    }, s * 1000);
    promised.then(
      (v) => (clearTimeout(timer), over ? unwanted(v) : resolve(v)),
      (e) => (clearTimeout(timer), reject(e)),
    );
  });
}

/** A signal that aborts with `outer`, or after s seconds with the Trouble `kind`: for what can be stopped. */
export function deadline(s: number, kind: Kind, what: string, outer?: AbortSignal | null): AbortSignal {
  const stop = new AbortController();
  setTimeout(() => stop.abort(late(s, kind, what)), s * 1000);
  return outer ? AbortSignal.any([outer, stop.signal]) : stop.signal;
}
