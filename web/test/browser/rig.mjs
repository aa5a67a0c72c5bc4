// A real Chromium and the mock server, for tests that start both.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";

export const chromium = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const mockDir = fileURLToPath(new URL("../mock", import.meta.url));
export const base = `http://127.0.0.1:${await freePort()}/`;

function freePort() {
  return new Promise((resolve) => {
    const s = createServer().listen(0, "127.0.0.1", () => {
      const { port } = s.address();
      s.close(() => resolve(port));
    });
  });
}

export class Mock {
  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), "livedub-web-"));
    execFileSync("go", ["build", "-o", join(this.dir, "mock"), "."], { cwd: mockDir, env: { ...process.env, GOFLAGS: "-buildvcs=false" } });
  }
  async start() {
    this.child = spawn(join(this.dir, "mock"), ["-listen", new URL(base).host], { stdio: "ignore" });
    for (let i = 0; i < 100 && this.child.exitCode === null; i++) {
      if (await fetch(base + "v1/languages").then((r) => r.ok, () => false)) return;
      await new Promise((r) => setTimeout(r, 50));
    }
    throw new Error("the mock server does not answer");
  }
  async stop() {
    const gone = new Promise((r) => this.child.once("exit", r));
    this.child.kill();
    await gone;
  }
  fault = (name) => fetch(`${base}mock/${name}`, { method: "POST" }).then((r) => r.json());
  remove() {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

export const launch = (more = []) => puppeteer.launch({
  executablePath: chromium, headless: true,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required",
    "--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
    "--allow-loopback-in-peer-connection", ...more],
});

/** A page that remembers what the browser complained about. */
export async function open(browser, path = "", { width = 1440, height = 1000, dark = false, lang } = {}) {
  const page = await browser.newPage();
  page.complaints = [];
  page.on("pageerror", (e) => page.complaints.push(String(e)));
  page.on("console", (m) => m.type() === "error" && !/Failed to load resource/.test(m.text()) && page.complaints.push(m.text()));
  await page.setViewport({ width, height, deviceScaleFactor: 1 });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
  if (lang) await page.evaluateOnNewDocument((l) => Object.defineProperty(navigator, "languages", { value: [l] }), lang);
  await page.goto(base + path);
  return page;
}

export const id = (name) => `[data-testid="${name}"]`;
export const phase = (page, want, timeout = 15000) =>
  page.waitForFunction((w) => document.querySelector('[data-testid="phase"]')?.dataset.phase === w, { timeout }, want);
export const text = (page, name) => page.$eval(id(name), (e) => e.textContent);
export const has = (page, name, pattern, timeout = 15000) =>
  page.waitForFunction((n, p) => new RegExp(p).test(document.querySelector(`[data-testid="${n}"]`)?.textContent ?? ""), { timeout }, name, pattern);
export const plays = (page, name, timeout = 15000) =>
  page.waitForFunction((n) => {
    const v = document.querySelector(`[data-testid="${n}"]`);
    return v && v.videoWidth > 0 && v.currentTime > 0.3;
  }, { timeout }, name);

/** The loudest tenth of a second that a video element's stream has within s seconds, RMS. */
export const loudness = (page, name, s = 4) => page.evaluate(async (n, seconds) => {
  const ctx = new AudioContext();
  const analyser = ctx.createAnalyser();
  ctx.createMediaStreamSource(document.querySelector(`[data-testid="${n}"]`).srcObject).connect(analyser);
  const block = new Float32Array(analyser.fftSize);
  let most = 0;
  for (let i = 0; i < seconds * 20; i++) {
    await new Promise((r) => setTimeout(r, 50));
    analyser.getFloatTimeDomainData(block);
    most = Math.max(most, Math.sqrt(block.reduce((a, v) => a + v * v, 0) / block.length));
  }
  await ctx.close();
  return most;
}, name, s);
