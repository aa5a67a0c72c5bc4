// How much later sound plays than its frame in the page's dub, in ms, ten
// times a second for so many seconds, by the sender's times of what plays.
async (seconds) => {
  const out = [];
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    const playing = {};
    for (const r of (await window.__livedub.pcs.watch.getStats()).values()) {
      if (r.type === "inbound-rtp" && r.estimatedPlayoutTimestamp) playing[r.kind] = r.estimatedPlayoutTimestamp;
    }
    if (playing.audio && playing.video) out.push(playing.video - playing.audio);
    await new Promise((done) => setTimeout(done, 100));
  }
  return out;
}
