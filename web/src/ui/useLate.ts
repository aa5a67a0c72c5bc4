import { useEffect, useState } from "preact/hooks";

/** Whether something has been waited for, without a break, for longer than s seconds. */
export function useLate(waiting: boolean, s: number): boolean {
  const [late, set] = useState(false);
  useEffect(() => {
    set(false);
    if (!waiting) return;
    const timer = setTimeout(() => set(true), s * 1000);
    return () => clearTimeout(timer);
  }, [waiting, s]);
  return waiting && late;
}
