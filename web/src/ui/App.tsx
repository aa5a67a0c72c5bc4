import { useEffect, useState } from "preact/hooks";
import { parseRoute } from "../core/route";
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
  return route ? <Watch key={route.id} id={route.id} lang={route.lang} /> : <Studio />;
}
