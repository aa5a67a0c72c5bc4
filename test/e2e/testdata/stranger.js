// What a page of another origin tries on a server where a call runs: all that it
// could do, by name, with the status of the answer, or "refused" where the
// browser tells none.
async (server, id) => {
  const out = {};
  const ask = async (name, path, init = {}) => {
    out[name] = await fetch(server + path, init).then((r) => String(r.status), () => "refused");
  };
  const pc = new RTCPeerConnection();
  pc.addTransceiver("video", { direction: "recvonly" });
  const { sdp } = await pc.createOffer();
  const call = `/v1/sessions/${id}`;
  const consent = JSON.stringify({ from: "en", to: ["es"], consent: true });
  await ask("list", "/v1/sessions");
  await ask("languages", "/v1/languages");
  await ask("look", call);
  await ask("change", call, { method: "PATCH", body: '{"dubs":{"es":{"lips":false}}}' });
  await ask("watch", `/whep/${id}/es`, { method: "POST", body: sdp });
  await ask("watch the original", `/whep/${id}/en`, { method: "POST", body: sdp, headers: { "Content-Type": "application/sdp" } });
  await ask("publish", `/whip/${id}`, { method: "POST", body: sdp });
  await ask("create", "/v1/sessions", { method: "POST", body: consent });
  await ask("create as JSON", "/v1/sessions", { method: "POST", body: consent, headers: { "Content-Type": "application/json" } });
  await ask("create by naming", "/whip/mine?from=en&to=es&consent=true", { method: "POST", body: sdp });
  await ask("guess a right", `${call}~c.zzzzzz.AAAAAAAAAAAAAAAAAAAAAA`, { headers: { Authorization: "Bearer operator" } });
  await ask("metrics", "/metrics");
  await ask("profile", "/debug/pprof/goroutine?debug=2");
  for (const body of [consent, sdp]) { // blind: the answer cannot be read, but what it does is done
    await fetch(server + (body === sdp ? "/whip/blind?from=en&to=es&consent=true" : "/v1/sessions"), { method: "POST", body, mode: "no-cors" }).catch(() => undefined);
  }
  const opens = (source) => new Promise((resolve) => {
    source.onopen = () => resolve("open");
    source.onerror = () => resolve("refused");
  }).finally(() => source.close());
  out["events"] = await opens(new EventSource(`${server}${call}/events`));
  out["websocket"] = await opens(new WebSocket(`${server.replace("http", "ws")}/ws`));
  out["websocket of the call"] = await opens(new WebSocket(`${server.replace("http", "ws")}/ws/${id}`));
  await ask("end", call, { method: "DELETE" });
  pc.close();
  return out;
}
