import { useEffect, useState } from "preact/hooks";
import { parseRecording, parseRoute } from "../core/route";
import { Recording } from "./Recording";
import { Recordings } from "./Recordings";
import { Studio } from "./Studio";
import { Watch } from "./Watch";

export function App() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  const route = parseRoute(hash);
  const recording = parseRecording(hash);
  if (recording) return <Recording key={recording} id={recording} />;
  if (recording === "") return <Recordings />;
  return route ? <Watch key={route.id} id={route.id} lang={route.lang} /> : <Studio />;
}
