// Changes to session descriptions.

/**
 * Has Chromium start sending video at kbps instead of its 300 kbit/s, from
 * which a 720p call takes half a minute to become sharp. Others ignore it.
 */
export function startBitrate(sdp: string, kbps: number): string {
  const eol = sdp.includes("\r\n") ? "\r\n" : "\n";
  const lines = sdp.split(eol);
  const out: string[] = [];
  let video = false;
  const has = new Set(lines.map((l) => /^a=fmtp:(\d+) /.exec(l)?.[1]).filter(Boolean));
  for (const line of lines) {
    if (line.startsWith("m=")) video = line.startsWith("m=video");
    const fmtp = /^a=fmtp:(\d+) (.*)$/.exec(line);
    const map = /^a=rtpmap:(\d+) ([^/]+)\//.exec(line);
    if (video && fmtp && !/apt=/.test(fmtp[2]!)) {
      out.push(`${line};x-google-start-bitrate=${kbps}`);
      continue;
    }
    out.push(line);
    if (video && map && !has.has(map[1]!) && !/^(rtx|red|ulpfec|flexfec)/i.test(map[2]!)) {
      out.push(`a=fmtp:${map[1]} x-google-start-bitrate=${kbps}`);
    }
  }
  return out.join(eol);
}
