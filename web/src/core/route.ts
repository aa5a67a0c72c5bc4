// The page's addresses: # is the studio, #/watch/SESSION/LANG a viewer's.

export interface WatchRoute {
  id: string;
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

export function watchLink(id: string, lang: string, base: string): string {
  return `${base.replace(/#.*$/, "")}#/watch/${encodeURIComponent(id)}/${lang}`;
}
