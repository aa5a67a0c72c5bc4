// How loud a stream is.

/** Calls each with 0..1, every so many ms, until the returned function is called; never where the browser does not process the stream's sound. */
export function meter(stream: MediaStream, each: (level: number) => void, every = 100): () => void {
  if (stream.getAudioTracks().length === 0) return () => undefined;
  const ctx = new AudioContext();
  const analyser = ctx.createAnalyser();
  analyser.fftSize = 1024;
  try {
    ctx.createMediaStreamSource(stream).connect(analyser);
  } catch {
    void ctx.close(); // Firefox, of a microphone at another rate: the call goes on without a level
    return () => undefined;
  }
  const block = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(block);
    each(level(block));
  }, every);
  return () => {
    clearInterval(timer);
    void ctx.close();
  };
}

/** -60 dBFS and below is 0, full scale is 1. */
export function level(block: Float32Array): number {
  let sum = 0;
  for (const v of block) sum += v * v;
  const db = 10 * Math.log10(sum / Math.max(1, block.length) + 1e-12);
  return Math.min(1, Math.max(0, (db + 60) / 60));
}
