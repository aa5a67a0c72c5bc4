// The built page in a real Chromium against the mock server. `npm run build`
// first. SHOTS=DIR keeps screenshots.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Mock, base, chromium, has, id, launch, loudness, open, phase, plays, text } from "./rig.mjs";

const shots = process.env.SHOTS;
if (shots) mkdirSync(shots, { recursive: true });
const shot = async (page, name) => shots && page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
const rest = (ms) => new Promise((r) => setTimeout(r, ms));

/** Notes from now on which players are seen and heard, and what the page says is wrong. */
function watchPlayers() {
  const players = () => [...document.querySelectorAll("video")].filter((v) => !/preview/.test(v.dataset.testid));
  const first = players().find((v) => v.dataset.testid === "dubbed-video");
  const f = (window.__followed = { before: { ...window.__livedub.pcs }, troubles: [], dark: 0, looks: 0, silent: 0, twice: 0, moved: false });
  let at = performance.now();
  setInterval(() => {
    const now = performance.now();
    const [heard, [seen]] = [players().filter((v) => !v.muted && !v.paused && v.srcObject?.active), players().filter((v) => v.dataset.testid === "dubbed-video")];
    f.looks++;
    if (!seen?.videoWidth || seen.classList.contains("off")) f.dark++;
    if (heard.length === 0) f.silent += now - at;
    if (heard.length > 1) f.twice += now - at;
    f.moved ||= seen !== first;
    const { trouble, phase } = window.__livedub.state;
    if (trouble || (phase ?? "live") !== "live") f.troubles.push(trouble?.kind ?? phase);
    at = now;
  }, 5);
}

describe("page", { skip: chromium ? false : "no Chromium on this machine", concurrency: 1 }, () => {
  let mock, browser;
  before(async () => {
    mock = new Mock();
    await mock.start();
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await mock?.stop();
    mock?.remove();
  });

  /** Runs f in a fresh page and holds the page to silence. */
  const inPage = async (f, path, options) => {
    const page = await open(browser, path, options);
    try {
      await f(page);
      assert.deepEqual(page.complaints, []);
    } catch (e) {
      await shot(page, "failed");
      throw e;
    } finally {
      await page.close();
    }
  };
  const ready = (page) => page.waitForFunction(() => !document.querySelector('[data-testid="start"]')?.disabled);
  const startCamera = async (page) => {
    await ready(page);
    await page.click(id("consent"));
    await page.click(id("start"));
    await phase(page, "live");
  };
  const made = async () => (await mock.fault("free")).made;

  test("a newcomer hears a dub of the sample, by one press", () => inPage(async (page) => {
    await ready(page);
    await shot(page, "idle");
    await page.click(id("try-sample"));
    await plays(page, "dubbed-video");
    assert.ok((await loudness(page, "dubbed-video")) > 0.02, "the dub is silent");
    await has(page, "caption-source", "Good morning");
    await has(page, "caption-target", "Buenos días");
    await page.waitForSelector(`${id("ladder")}[data-value="lips"]`);
    for (const figure of ["delay", "span", "offset"]) await page.waitForFunction((f) => document.querySelector(`[data-testid="${f}"]`).dataset.value, {}, figure);
    const delay = Number(await page.$eval(id("delay"), (e) => e.dataset.value));
    assert.ok(delay > 950 && delay < 3000, `delay ${delay}`);
    await page.waitForSelector(`${id("waterfall")} ol li`);
    assert.equal(await text(page, "badge"), "AI dubbed");
    await page.waitForSelector(`${id("lips-es")}[data-state="on"]`);
    await page.click(id("lips-es"));
    await page.waitForSelector(`${id("lips-es")}[data-state="off"]:not(:checked)`);
    await page.waitForSelector(`${id("ladder")}[data-value="voice"]`);
    await has(page, "ladder-why", "switched off");
    await page.click(id("lips-es"));
    await page.waitForSelector(`${id("lips-es")}[data-state="on"]:checked`);
    await shot(page, "sample");
    const { pcs, session } = await page.evaluate(() => ({ pcs: Object.keys(window.__livedub.pcs).sort(), session: window.__livedub.sessionId }));
    assert.deepEqual(pcs, ["publish", "watch"]);
    await page.click(id("stop"));
    await phase(page, "idle");
    await page.waitForFunction((u) => fetch(u).then((r) => r.status === 404), {}, `${base}v1/sessions/${session}`);
  }));

  test("where it can be, the sample speaks Spanish and is dubbed to Portuguese", () => inPage(async (page) => {
    await mock.fault("neural");
    await page.reload();
    await ready(page);
    assert.deepEqual([await page.$eval(id("from"), (e) => e.value), await page.$eval(id("to"), (e) => e.value)], ["es", "pt"]);
    const asked = page.waitForRequest((r) => r.url().endsWith(".mp4"));
    await page.click(id("try-sample"));
    assert.match((await asked).url(), /sample-es\.mp4$/);
    await plays(page, "dubbed-video");
    const { from, to } = await page.evaluate(() => window.__livedub.state.session);
    assert.deepEqual([from, to], ["es", ["pt"]]);
    await page.click(id("stop"));
    await phase(page, "idle");
    // Another language is not forgotten; English has the sample of its own pair.
    await page.select(id("from"), "en");
    assert.equal(await page.$eval(id("to"), (e) => e.value), "es");
    await mock.fault("light");
  }));

  test("words to keep are told before and during a session", () => inPage(async (page) => {
    await ready(page);
    await page.click("details.keep summary");
    await page.type(id("keep"), "Torres Blancas\n - \ntorres  blancas\nBlanco");
    assert.equal(await page.$eval("details.keep .count", (e) => e.textContent), "2");
    await shot(page, "keep");
    await startCamera(page);
    const kept = () => page.evaluate(async () => (await (await fetch(`v1/sessions/${window.__livedub.sessionId}`)).json()).keep);
    assert.deepEqual(await kept(), ["Torres Blancas", "Blanco"]);
    await page.$eval(id("keep"), (e) => (e.focus(), e.setSelectionRange(e.value.length, e.value.length)));
    await page.keyboard.type("\nMarta");
    assert.deepEqual(await kept(), ["Torres Blancas", "Blanco"], "told while typing");
    await page.keyboard.press("Tab");
    await page.waitForFunction(() => window.__livedub.state.session.keep?.length === 3);
    assert.deepEqual(await kept(), ["Torres Blancas", "Blanco", "Marta"]);
    await shot(page, "keep-live");
    await page.click(id("stop"));
    await phase(page, "idle");
    assert.match(await page.$eval(id("keep"), (e) => e.value), /Marta$/);
  }));

  test("doubtful words are marked in what was heard, and in words", () => inPage(async (page) => {
    await ready(page);
    await page.click(id("try-sample"));
    await page.waitForSelector(`${id("caption-source")} ${id("doubt")}`);
    await has(page, "caption-source", "Good morning and welcome\\.");
    const marks = await page.$$eval(`${id("caption-source")} ${id("doubt")}`, (all) => all.map((e) => ({ text: e.textContent, title: e.title, line: getComputedStyle(e).textDecorationLine })));
    assert.deepEqual(marks[0], { text: "welcome.", title: "heard with 38 % certainty", line: "underline" });
    assert.equal(await page.$(`${id("caption-target")} ${id("doubt")}`), null);
    // A late phrase names the engine that it waited for.
    await page.waitForSelector(id("slowest"), { timeout: 20000 });
    assert.equal(await text(page, "slowest"), "kokoro 677 ms");
    assert.match(await page.$eval(`${id("waterfall")} li:has(${id("slowest")})`, (e) => e.getAttribute("aria-label")), /0\.6 s late: kokoro 677 ms$/);
    await shot(page, "doubt");
  }));

  test("who controls a session mutes, pauses, levels, adds, removes and dumps, by keyboard too", () => inPage(async (page) => {
    await startCamera(page);
    await has(page, "caption-target", "Hoy hablamos");
    const dub = (lang) => page.evaluate(async (l) => (await (await fetch(`v1/sessions/${window.__livedub.sessionId}`)).json()).dubs[l], lang);
    const pressed = (name, is) => page.waitForSelector(`${id(name)}[aria-pressed="${is}"]`);
    await page.focus(id("mute-es"));
    await page.keyboard.press("Space");
    await pressed("mute-es", true);
    assert.equal((await dub("es")).muted, true);
    await has(page, "state-es", "Muted");
    await page.keyboard.press("Space"); // the focus is where it was
    await pressed("mute-es", false);
    await page.click(id("pause-es"));
    await pressed("pause-es", true);
    await page.select(id("original-es"), "bed");
    await page.select(id("voice-es"), "female");
    await page.focus(id("gain-es"));
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowLeft");
    await page.waitForFunction(() => window.__livedub.state.session.dubs.es.gain_db === -3);
    assert.equal(await text(page, "gain-es-db"), "−3 dB");
    const { muted, paused, original, voice } = await dub("es");
    assert.deepEqual([muted, paused, original, voice], [false, true, "bed", "female"]);
    // What the server refuses is said, and what holds is shown.
    await page.select(id("voice-es"), "male");
    await has(page, "board-error", "no male voice here");
    await page.waitForFunction(() => document.querySelector('[data-testid="voice-es"]').value === "female");
    assert.equal(await page.$eval(id("remove-es"), (b) => b.disabled), true, "the last language can be removed");
    await shot(page, "board");

    await page.select(id("add-lang"), "gl");
    await page.click(id("add"));
    await page.waitForSelector(id("strip-gl"));
    assert.equal(await page.$(id("board-error")), null);
    await page.waitForSelector(id("watch-link-gl"));
    await page.click(id("remove-gl"));
    await shot(page, "board-remove");
    await page.click(id("remove-sure-gl"));
    await page.waitForFunction(() => !document.querySelector('[data-testid="strip-gl"]'));

    const rows = await page.evaluate(() => window.__livedub.state.rows.map((r) => r.id));
    await page.focus(id("dump"));
    await page.keyboard.press("Enter");
    await has(page, "dumped", "^Dumped at .*: 1 s and 2 phrases");
    const left = await page.evaluate(() => ({ rows: window.__livedub.state.rows.map((r) => r.id), dumped: window.__livedub.state.dumped.phrases }));
    assert.ok(rows.some((r) => left.dumped.includes(r)), "nothing was to vanish");
    assert.ok(!left.rows.some((r) => left.dumped.includes(r)), `${left.rows} are left`);
    await shot(page, "board-dumped");
    for (const e of await page.$$(".board button, .board select, .board input")) {
      const { name } = (await page.accessibility.snapshot({ root: e, interestingOnly: false })) ?? {};
      assert.ok(name, "a control without a name");
    }
    // Whoever else has the right controls by the viewer's page; who has not sees no controls.
    const watch = (await page.$eval(id("watch-link"), (a) => a.href)).slice(base.length);
    const viewer = await open(browser, watch);
    await plays(viewer, "dubbed-video");
    await pressed("pause-es", true);
    await viewer.click(id("pause-es"));
    await pressed("pause-es", false);
    await viewer.waitForSelector(`${id("pause-es")}[aria-pressed="false"]`);
    await viewer.select(id("add-lang"), "ca");
    await viewer.click(id("add"));
    await viewer.waitForSelector(id("lang-ca"));
    await page.waitForSelector(id("strip-ca"));
    await shot(viewer, "watch-board");
    await viewer.close();
  }));

  test("a camera needs consent, then is dubbed", () => inPage(async (page) => {
    await ready(page);
    await page.click(id("camera-on"));
    await plays(page, "preview-video");
    await page.waitForFunction(() => document.querySelectorAll('[data-testid="camera"] option').length > 0);
    await page.waitForFunction(() => Number(document.querySelector('[data-testid="level"]').getAttribute("aria-valuenow")) > 5);
    const before = await made();
    await page.click(id("start"));
    assert.equal(await page.evaluate(() => document.activeElement.id), "consent");
    await shot(page, "consent");
    assert.equal(await made(), before, "a session without consent");
    await page.click(id("consent"));
    await page.click(id("start"));
    await phase(page, "live");
    await plays(page, "dubbed-video");
    const track = await page.evaluate(() => document.querySelector('[data-testid="preview-video"]').srcObject.getVideoTracks()[0].getSettings());
    assert.deepEqual([track.width, track.height], [1280, 720]);
    await has(page, "caption-target", "Buenos");
    await page.click(id("stop"));
    await phase(page, "idle");
  }));

  test("the form works by keyboard, and only with pairs that exist", () => inPage(async (page) => {
    await ready(page);
    await page.select(id("from"), "es");
    const to = await page.$$eval(`${id("to")} option`, (o) => o.map((e) => e.value));
    assert.deepEqual(to.sort(), ["ca", "en"]);
    assert.match(await text(page, "quality"), /robot voice/);
    await page.focus(id("kind-camera"));
    await page.keyboard.press("ArrowRight");
    await page.click(id("consent"));
    await page.focus(id("start"));
    await page.keyboard.press("Enter");
    await page.waitForSelector(`${id("file")}[aria-invalid="true"]`);
  }));

  test("a chosen file is dubbed and ends by itself", () => inPage(async (page) => {
    await ready(page);
    await page.click(id("kind-file"));
    await (await page.$(id("file"))).uploadFile(fileURLToPath(new URL("../../public/sample.mp4", import.meta.url)));
    await page.click(id("consent"));
    await page.click(id("start"));
    await plays(page, "dubbed-video");
    assert.ok((await loudness(page, "dubbed-video")) > 0.02, "the dub is silent");
    await phase(page, "finishing", 45000);
    await phase(page, "idle", 30000);
    assert.match(await text(page, "caption-target"), /Buenos/);
  }));

  test("what is no video is refused in words", () => inPage(async (page) => {
    await ready(page);
    await page.click(id("kind-file"));
    await (await page.$(id("file"))).uploadFile(fileURLToPath(import.meta.url));
    await page.click(id("consent"));
    await page.click(id("start"));
    await page.waitForSelector(`${id("error")}[data-kind="file-unreadable"]`);
  }));

  for (const [name, kind] of [["NotAllowedError", "camera-denied"], ["NotFoundError", "camera-missing"]]) {
    test(`${name} is told in words`, () => inPage(async (page) => {
      await page.evaluateOnNewDocument((n) => {
        navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", n));
      }, name);
      await page.reload();
      await ready(page);
      await page.click(id("camera-on"));
      await page.waitForSelector(`${id("error")}[data-kind="${kind}"]`);
      await page.click(id("consent"));
      await page.click(id("start"));
      await phase(page, "ended");
      await page.waitForSelector(`${id("error")}[data-kind="${kind}"]`);
      if (kind === "camera-denied") await shot(page, "denied");
    }));
  }

  test("a full server is waited for", () => inPage(async (page) => {
    await mock.fault("full");
    await ready(page);
    await page.click(id("consent"));
    await page.click(id("start"));
    await page.waitForSelector(`${id("error")}[data-kind="full"]`);
    await shot(page, "full");
    await mock.fault("free");
    await phase(page, "live", 20000);
    assert.equal(await page.$(id("error")), null);
  }));

  test("a session that the server forgot is made anew", () => inPage(async (page) => {
    await startCamera(page);
    const old = await page.evaluate(() => window.__livedub.sessionId);
    await mock.fault("forget");
    await page.waitForFunction((o) => window.__livedub.sessionId !== o && window.__livedub.state.phase === "live", { timeout: 25000 }, old);
    await plays(page, "dubbed-video");
  }));

  test("a server that went away is reconnected to", async () => {
    await inPage(async (page) => {
      await startCamera(page);
      await plays(page, "dubbed-video");
      await mock.stop();
      await page.waitForSelector(`${id("error")}[data-kind="server-gone"]`, { timeout: 30000 });
      await shot(page, "gone");
      await mock.start();
      await phase(page, "live", 40000);
      await plays(page, "dubbed-video");
      page.complaints.length = 0; // refused connections are what this is about
    });
  });

  test("a session ended by the operator stays ended", () => inPage(async (page) => {
    await startCamera(page);
    await mock.fault("end");
    await page.waitForSelector(`${id("error")}[data-kind="ended"]`);
    await phase(page, "ended");
    const n = await made();
    await rest(3000);
    assert.equal(await made(), n);
  }));

  test("a session that moves to another node is followed without a break", async () => {
    await mock.fault("cluster");
    await inPage(async (page) => {
      await startCamera(page);
      await plays(page, "dubbed-video");
      await has(page, "caption-target", "Buenos");
      const viewer = await open(browser, (await page.$eval(id("watch-link"), (a) => a.href)).slice(base.length));
      await plays(viewer, "dubbed-video");
      for (const p of [page, viewer]) await p.evaluate(watchPlayers);
      await mock.fault("move");
      await page.waitForFunction(() => window.__followed.before.publish.connectionState === "closed", { timeout: 20000, polling: 100 });
      await viewer.waitForFunction(() => window.__followed.before.es?.connectionState === "closed" && window.__followed.before.en.connectionState === "closed", { timeout: 20000, polling: 100 });
      await rest(1500);
      for (const [who, p] of [["speaker", page], ["viewer", viewer]]) {
        const f = await p.evaluate(() => ({ ...window.__followed, before: 0, fence: window.__livedub.fence, now: Object.keys(window.__livedub.pcs).map((k) => window.__livedub.pcs[k].connectionState) }));
        assert.equal(f.fence, 1001);
        assert.ok(f.now.every((s) => s === "connected"), `${who}: ${f.now}`);
        assert.deepEqual(f.troubles, [], who);
        assert.ok(f.dark < 1, `${who}: no frame at ${f.dark} of ${f.looks} looks`);
        assert.equal(f.moved, true, `${who}: another player is seen`);
        assert.ok(f.silent < 100, `${who}: nothing sounds for ${f.silent} ms`);
        assert.equal(f.twice, 0, `${who}: two sound at once for ${f.twice} ms`);
        console.log(`${who}: nothing sounded for ${Math.round(f.silent)} ms`);
      }
      const { lines } = await page.evaluate(() => ({ lines: window.__livedub.state.rows.map((r) => r.id) }));
      assert.equal(new Set(lines).size, lines.length);
      assert.deepEqual(viewer.complaints, []);
      await viewer.close();
      await plays(page, "dubbed-video");
      await page.click(id("stop"));
    });
  });

  test("a viewer switches languages at once", () => inPage(async (page) => {
    await startCamera(page);
    const href = await page.$eval(id("watch-link"), (a) => a.href);
    const viewer = await open(browser, href.slice(base.length), { width: 1200, height: 860 });
    await plays(viewer, "dubbed-video");
    assert.equal(await text(viewer, "badge"), "AI dubbed");
    await has(viewer, "subtitle", "Buenos|Hoy", 20000);
    await shot(viewer, "watch");
    const heard = () => viewer.$$eval("video", (all) => all.filter((v) => !v.muted).map((v) => v.dataset.testid + v.getAttribute("aria-label")));
    assert.deepEqual(await heard(), ["dubbed-videoSpanish"]);
    await viewer.click(id("lang-en"));
    await viewer.waitForFunction(() => document.querySelector('[data-testid="badge"]').textContent === "Original");
    assert.deepEqual(await heard(), ["dubbed-videoEnglish"]);
    const t = await viewer.$eval(id("dubbed-video"), (v) => v.readyState >= 2 && v.currentTime);
    assert.ok(t > 0.3, "the other language was not playing yet");
    assert.match(viewer.url(), /\/en$/);
    await viewer.evaluate(() => (location.hash = location.hash.replace(/en$/, "es")));
    await viewer.waitForSelector(`${id("lang-es")}:checked`);
    assert.deepEqual(await heard(), ["dubbed-videoSpanish"]);
    await mock.fault("end");
    await viewer.waitForSelector(`${id("error")}[data-kind="ended"]`);
    assert.deepEqual(viewer.complaints, []);
    await viewer.close();
  }));

  test("a link to nothing says so", () => inPage(async (page) => {
    await page.waitForSelector(`${id("error")}[data-kind="session-gone"]`);
  }, "#/watch/nothing/es"));

  test("nothing is wider than a phone", () => inPage(async (page) => {
    await ready(page);
    await shot(page, "phone-idle");
    await page.click(id("try-sample"));
    await plays(page, "dubbed-video");
    await page.waitForSelector(`${id("waterfall")} ol li`);
    await shot(page, "phone");
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "the page scrolls sideways");
  }, "", { width: 390, height: 844, dark: true }));

  test("Korean readers get Korean, in the dark too", () => inPage(async (page) => {
    await ready(page);
    assert.equal(await text(page, "start"), "시작");
    await page.click(id("try-sample"));
    await has(page, "caption-target", "Hoy hablamos");
    await shot(page, "dark-ko");
  }, "", { dark: true, lang: "ko-KR" }));
});
