// The page's addresses: # is the studio, #/watch/SESSION~RIGHT/LANG a viewer's,
// #/recordings the list of what was recorded, #/recordings/ID~RIGHT one of them.
// What stands behind # is not sent to the server with the page.

export interface WatchRoute {
  id: string; // the session's name and the right to watch it
  lang: string;
}

export function parseRoute(hash: string): WatchRoute | null {
  const m = /^#\/watch\/([^/]+)\/([A-Za-z0-9-]{1,35})\/?$/.exec(hash);
  if (!m) return null;
  try {
    return { id: decodeURIComponent(m[1]!), lang: m[2]! };
  } catch {
    return null;
  }
}

/** The server's link to the viewer's page, at the address by which this page was opened. */
export function watchLink(link: string, base: string): string {
  return base.replace(/#.*$/, "") + link.replace(/^[^#]*/, "");
}

/** The recording that an address names, with the right to it; "" for the list, null for another page's address. */
export function parseRecording(hash: string): string | null {
  const m = /^#\/recordings(?:\/([^/]*))?\/?$/.exec(hash);
  if (!m) return null;
  try {
    return decodeURIComponent(m[1] ?? "");
  } catch {
    return null;
  }
}
