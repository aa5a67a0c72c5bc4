// Which streams have shown a frame: what was decoded is not on the screen yet.

const all = new WeakSet<MediaStream>();

/** Tells that a player shows a frame of a stream. */
export function show(stream: MediaStream): void {
  all.add(stream);
}

export const framed = (stream: MediaStream): boolean => all.has(stream);
