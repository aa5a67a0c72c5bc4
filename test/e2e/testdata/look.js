// Looks at the dubbed frame for a second: how bright it is, 0 to 255, and
// whether it moves.
async (selector) => {
  const video = document.querySelector(selector);
  const g = new OffscreenCanvas(64, 48).getContext("2d", { willReadFrequently: true });
  const luma = () => {
    g.drawImage(video, 0, 0, 64, 48);
    const px = g.getImageData(0, 0, 64, 48).data;
    return Array.from({ length: px.length / 4 }, (_, i) => (px[4 * i] + px[4 * i + 1] + px[4 * i + 2]) / 3);
  };
  const mean = (all) => all.reduce((a, v) => a + v, 0) / all.length;
  const before = luma();
  await new Promise((done) => setTimeout(done, 1000));
  const after = luma();
  return { light: mean(after), moved: mean(after.map((v, i) => Math.abs(v - before[i]))) };
}
