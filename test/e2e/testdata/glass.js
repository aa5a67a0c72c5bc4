// Publishes the camera to whip, plays whep beside it, reads the bar codes in
// both frames and returns how long after its capture each one came back from
// the server, and was shown, in ms.
async (whip, whep, seconds) => {
  const post = async (url, pc) => {
    await pc.setLocalDescription(await pc.createOffer());
    await new Promise((done) => {
      if (pc.iceGatheringState === "complete") done();
      pc.onicegatheringstatechange = () => pc.iceGatheringState === "complete" && done();
      setTimeout(done, 1000);
    });
    const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/sdp" }, body: pc.localDescription.sdp });
    if (answer.status !== 201) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
    await pc.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  };
  const show = (stream) => {
    const v = document.createElement("video");
    v.muted = true;
    v.srcObject = stream;
    document.body.append(v);
    v.play();
    return v;
  };
  const codes = (video, into) => {
    const canvas = new OffscreenCanvas(320, 8);
    const g = canvas.getContext("2d", { willReadFrequently: true });
    const look = (now, meta) => {
      video.requestVideoFrameCallback(look);
      g.drawImage(video, 0, 0, video.videoWidth, video.videoHeight / 15, 0, 0, 320, 8);
      const px = g.getImageData(0, 4, 320, 1).data;
      const bits = [];
      for (let i = 0; i < 32; i++) bits.push(px[(i * 10 + 5) * 4 + 1] > 127 ? 1 : 0);
      if (bits.slice(0, 4).join("") !== "1010" || bits.slice(28).join("") !== "0101") return;
      const n = parseInt(bits.slice(4, 20).join(""), 2);
      if (!into.has(n)) into.set(n, meta);
    };
    video.requestVideoFrameCallback(look);
  };
  const camera = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 360, frameRate: 30 }, audio: true });
  const up = new RTCPeerConnection();
  camera.getTracks().forEach((t) => up.addTrack(t, camera));
  await post(whip, up);
  const down = new RTCPeerConnection();
  const stream = new MediaStream();
  down.ontrack = (e) => stream.addTrack(e.track);
  down.addTransceiver("video", { direction: "recvonly" });
  down.addTransceiver("audio", { direction: "recvonly" });
  await post(whep, down);
  const sent = new Map();
  const got = new Map();
  codes(show(camera), sent);
  codes(show(stream), got);
  await new Promise((done) => setTimeout(done, seconds * 1000));
  const pairs = [...got].filter(([n]) => sent.has(n)).map(([n, meta]) => [sent.get(n).captureTime, meta]);
  up.close();
  down.close();
  camera.getTracks().forEach((t) => t.stop());
  return {
    came: pairs.map(([captured, meta]) => meta.receiveTime - captured),
    shown: pairs.map(([captured, meta]) => meta.expectedDisplayTime - captured),
    sent: sent.size,
    got: got.size,
  };
}
