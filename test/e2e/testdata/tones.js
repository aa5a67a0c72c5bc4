// Listens to what comes of the page's dub from now on: every 20 ms how loud a tone of
// so many Hz is in it, and how loud all of it. window.__tones tells of a time in the
// past: `most(s)` the loudest of both within the last s seconds, nothing before they
// have been heard since `mark()`; `hush(ms)` the longest time since `mark()` that was
// wholly silent.
(hz) => {
  const audio = new AudioContext({ sampleRate: 48000 });
  const analyser = audio.createAnalyser();
  analyser.fftSize = 1024;
  audio.createMediaStreamSource(window.__livedub.state.dubbed).connect(analyser);
  const block = new Float32Array(analyser.fftSize);
  const step = 2 * Math.PI * hz / audio.sampleRate;
  const heard = [];
  let from = performance.now();
  setInterval(() => {
    analyser.getFloatTimeDomainData(block);
    let re = 0, im = 0, power = 0;
    block.forEach((v, i) => ((re += v * Math.cos(i * step)), (im += v * Math.sin(i * step)), (power += v * v)));
    heard.push({ at: performance.now(), tone: 2 * Math.hypot(re, im) / block.length, all: Math.sqrt(power / block.length) });
    if (heard.length > 6000) heard.shift();
  }, 20);
  window.__tones = {
    mark: () => (from = performance.now()),
    most: (s) => {
      const since = performance.now() - s * 1000;
      if (since < from) return null;
      const of = heard.filter((h) => h.at >= since);
      return { tone: Math.max(...of.map((h) => h.tone)), all: Math.max(...of.map((h) => h.all)) };
    },
    hush: () => {
      let longest = 0, loud = from;
      for (const h of heard.filter((h) => h.at >= from)) {
        if (h.all > 0.001) loud = h.at;
        longest = Math.max(longest, h.at - loud);
      }
      return longest / 1000;
    },
  };
  return true;
}
