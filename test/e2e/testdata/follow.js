// Notes every 20 ms how the page's dub does, for ever: at (ms), light (of the
// frame that is seen, 0 to 255, -1 for none), well (it says that all is well),
// fence, rows (of captions), heard (how many players sound), and what it says where all is not well.
() => {
  const g = new OffscreenCanvas(32, 18).getContext("2d", { willReadFrequently: true });
  const log = (window.__followed = []);
  const light = () => {
    const video = document.querySelector('[data-testid="dubbed-video"]');
    const last = document.querySelector('[data-testid="dubbed-video-frame"]'); // over it, once it is gone
    if (!video?.videoWidth || video.classList.contains("off")) return -1;
    g.clearRect(0, 0, 32, 18);
    g.drawImage(last && !last.hidden ? last : video, 0, 0, 32, 18);
    const px = g.getImageData(0, 0, 32, 18).data;
    let sum = 0;
    for (let i = 0; i < px.length; i += 4) sum += (px[i] + px[i + 1] + px[i + 2]) / 3;
    return sum / (px.length / 4);
  };
  setInterval(() => {
    const { fence, state } = window.__livedub;
    const says = document.querySelector('[data-testid="error"]')?.textContent ?? "";
    const notice = !!document.querySelector('[data-testid="notice"]');
    const heard = [...document.querySelectorAll("video")].filter((v) => !/preview/.test(v.dataset.testid) && !v.muted && !v.paused && v.srcObject?.active).length;
    log.push({ heard, at: performance.now(), light: light(), well: !state.trouble && (state.phase ?? "live") === "live", fence, rows: state.rows.length, says, notice });
  }, 20);
  return true;
}
