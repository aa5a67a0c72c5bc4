// Presses "try a sample" and listens until a dub sounds: the server says that a
// phrase was dubbed and when it plays, and what the player lets be heard then is
// louder than the original, ducked under it, can be. Returns when the page first
// showed a dubbed frame and a caption in lang, and when the dub sounded, in ms
// since the click, 0 for not within so many seconds; and how loud it was, 0 to 1.
async (lang, seconds) => {
  const began = performance.now();
  document.querySelector('[data-testid="try-sample"]').click();
  const since = () => performance.now() - began;
  const out = { frame: 0, caption: 0, sound: 0, level: 0 };
  const loud = 0.045; // half as much again as the sample's loudest, ducked
  const levels = []; // [ms since the click, RMS]
  let audio, analyser, block, zero, way = Infinity, phrases = [], asked = -Infinity;
  const listen = (stream) => {
    audio = new AudioContext({ sampleRate: 48000 });
    analyser = audio.createAnalyser();
    block = new Float32Array(analyser.fftSize);
    audio.createMediaStreamSource(stream).connect(analyser);
  };
  const ask = async (door) => {
    const sent = since();
    const info = await (await fetch(door)).json();
    if (since() - sent < way) [way, zero] = [since() - sent, (since() + sent) / 2 - info.now * 1000];
    phrases = (info.dubs[lang].phrases ?? []).filter((p) => p.fate === "played")
      .map((p) => [p.dub_start * 1000 + info.delay_ms, p.dub_end * 1000 + info.delay_ms]);
  };
  while (since() < seconds * 1000 && !out.sound) {
    await new Promise((done) => setTimeout(done, 20));
    const { dubbed, session } = window.__livedub.state;
    if (dubbed?.getAudioTracks().length && !audio) listen(dubbed);
    if (analyser) {
      analyser.getFloatTimeDomainData(block);
      levels.push([since(), Math.sqrt(block.reduce((sum, v) => sum + v * v, 0) / block.length)]);
    }
    if (!out.frame && document.querySelector('[data-testid="dubbed-video"]')?.videoWidth) out.frame = since();
    const { rows } = window.__livedub.state;
    if (!out.caption && rows.some((r) => r.lines[lang]?.final)) out.caption = since();
    if (session && since() - asked > 500) {
      asked = since();
      await ask(session.control).catch(() => undefined);
    }
    for (const [start, end] of phrases) {
      const first = levels.find(([at, level]) => at - zero > start && at - zero < end + 300 && level > loud);
      if (first && !out.sound) [out.sound, out.level] = first;
    }
  }
  await audio?.close();
  return out;
}
