// A page of another origin that was given a session's addresses: it publishes a
// drawn frame and a tone, watches a dub, reads the events and watches by
// websocket, all in seconds. It returns what came, by name.
async (made) => {
  const out = {};
  const within = (ms, what, promise) => Promise.race([promise, new Promise((_, no) => setTimeout(() => no(new Error(`no ${what}`)), ms))]);
  const gathered = (pc) => new Promise((yes) => {
    pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && yes();
    setTimeout(yes, 1000);
  });
  const connected = (pc) => new Promise((yes) => (pc.onconnectionstatechange = () => pc.connectionState === "connected" && yes()));
  const exchange = async (pc, url, name) => {
    await pc.setLocalDescription();
    await gathered(pc);
    const r = await fetch(url, { method: "POST", body: pc.localDescription.sdp, headers: { "Content-Type": "application/sdp" } });
    out[name] = r.status;
    const up = connected(pc);
    await pc.setRemoteDescription({ type: "answer", sdp: await r.text() });
    await within(15000, name, up);
    return new URL(r.headers.get("Location"), url).href;
  };

  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [320, 240];
  const paint = canvas.getContext("2d");
  const drawing = setInterval(() => {
    paint.fillStyle = `hsl(${(performance.now() / 10) % 360} 80% 50%)`;
    paint.fillRect(0, 0, 320, 240);
  }, 40);
  const audio = new AudioContext();
  const tone = audio.createMediaStreamDestination();
  const oscillator = audio.createOscillator();
  oscillator.connect(tone);
  oscillator.start();
  const speaker = new RTCPeerConnection();
  for (const t of [...canvas.captureStream(25).getTracks(), ...tone.stream.getTracks()]) speaker.addTrack(t);
  const published = await exchange(speaker, made.whip, "publish");

  const viewer = new RTCPeerConnection();
  viewer.addTransceiver("video", { direction: "recvonly" });
  viewer.addTransceiver("audio", { direction: "recvonly" });
  const video = document.createElement("video");
  video.muted = video.autoplay = true;
  viewer.ontrack = (e) => (video.srcObject = e.streams[0]);
  const watched = await exchange(viewer, made.whep.es, "watch");
  await within(20000, "frame", new Promise((yes) => video.requestVideoFrameCallback(yes)));
  out.frame = `${video.videoWidth}x${video.videoHeight}`;

  const events = new EventSource(made.events);
  await within(10000, "event stream", new Promise((yes) => (events.onopen = yes)));
  events.close();
  out.events = "open";

  const ws = new WebSocket(made.whep.es.replace(/^http/, "ws").replace("/whep/", "/ws/").replace(/\/es$/, ""));
  const other = new RTCPeerConnection();
  other.addTransceiver("video", { direction: "recvonly" });
  const said = (m) => within(10000, "answer by websocket", new Promise((yes) => {
    ws.onmessage = (e) => yes(JSON.parse(e.data));
    ws.send(JSON.stringify({ v: 1, session: made.id, ...m }));
  }));
  await within(10000, "websocket", new Promise((yes) => (ws.onopen = yes)));
  await other.setLocalDescription();
  const { sdp } = other.localDescription;
  out.beyond = (await said({ type: "publish", sdp })).code; // it may watch Spanish, no more
  out.websocket = (await said({ type: "view", lang: "es", sdp })).type;
  ws.close();

  const status = (url, init) => fetch(url, init).then((r) => r.status);
  const watcher = made.whep.es.replace("/whep/", "/v1/sessions/").replace(/\/es$/, "");
  out["look as a watcher"] = await status(watcher);
  out["end as a watcher"] = await status(watcher, { method: "DELETE" });
  out["look"] = await status(made.control);
  out["leave"] = [await status(published, { method: "DELETE" }), await status(watched, { method: "DELETE" })].join(" ");
  out["end"] = await status(made.control, { method: "DELETE" });
  clearInterval(drawing);
  [speaker, viewer, other].forEach((pc) => pc.close());
  await audio.close();
  return out;
}
