package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"livedub/internal/testkit/filmtest"
	"livedub/internal/testkit/pushtest"
	"livedub/internal/testkit/redistest"
)

// sentOn is an output as a session's status has it.
type sentOn struct {
	ID, URL, State string
	Langs          []string
	Retries        int
	LastError      string `json:"last_error"`
	Bytes          uint64
}

// addOutput has a session be sent on.
func addOutput(t *testing.T, s *server, session, url string, langs ...string) sentOn {
	t.Helper()
	body, err := json.Marshal(map[string]any{"url": url, "langs": langs})
	if err != nil {
		t.Fatal(err)
	}
	var o sentOn
	if status, text := s.call(t, "POST", "/v1/sessions/"+session+"/outputs", string(body), &o); status != 201 || o.ID == "" {
		t.Fatalf("%d %s", status, text)
	}
	return o
}

// outputComes waits until an output is as it should be.
func outputComes(t *testing.T, s *server, session, id, what string, is func(sentOn) bool) sentOn {
	t.Helper()
	var all struct{ Outputs []sentOn }
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if status, body := s.call(t, "GET", "/v1/sessions/"+session, "", &all); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
		if i := slices.IndexFunc(all.Outputs, func(o sentOn) bool { return o.ID == id }); i >= 0 && is(all.Outputs[i]) {
			return all.Outputs[i]
		}
	}
	t.Fatalf("never %s: %+v\n%s", what, all.Outputs, s.printed())
	return sentOn{}
}

func isLive(o sentOn) bool { return o.State == "live" && o.Bytes > 0 }

// TestRestream: ffmpeg publishes a call by RTMP, and the server sends it on: by RTMP to a
// second server, whose viewers see it, and by SRT to an ffmpeg that listens, with one
// picture and two sounds, each of its language. The listener is killed and comes back, and
// so does the stream; a server that does not want a stream has its reason told. No secret
// of an address is told anywhere.
func TestRestream(t *testing.T) {
	dir := t.TempDir()
	film := filepath.Join(dir, "talk.mp4")
	broadcast(t, filepath.Join(dir, "short.mp4"), 12*time.Second)
	ffmpeg(t, "-stream_loop", "20", "-i", filepath.Join(dir, "short.mp4"), "-c", "copy", film)
	to := serve(t, slices.Concat(fakes, []string{"--rtmp-listen", "127.0.0.1:0"})...)
	from := serve(t, slices.Concat(fakes, []string{"--rtmp-listen", "127.0.0.1:0", "--log-level", "debug", "--push-host", "127.0.0.0/8"})...)
	const wrong, passphrase, name = "ldk_nobody-knows-this-key", "correct-horse-7-battery", "publish:sesame-street-9"
	for _, secret := range []string{wrong, passphrase, name} {
		allLogs.hush("a secret of an output's address", secret)
	}
	push(t, film, "-f", "flv", "rtmp://"+from.addr(t, "rtmp")+"/live/talk?from=en&to=es,ca&consent=true")
	until(t, "the session is there", func() bool {
		code, _ := from.call(t, "GET", "/v1/sessions/talk", "", nil)
		return code == 200
	})
	for _, inside := range []string{"rtmp://10.0.0.1/live/x", "srt://169.254.169.254:8890", "rtmp://[::1]/live/x"} {
		if status, body := from.call(t, "POST", "/v1/sessions/talk/outputs", fmt.Sprintf(`{"url":%q,"langs":["es"]}`, inside), nil); status != 400 || !strings.Contains(body, "serve.push_hosts") {
			t.Errorf("%s: %d %s", inside, status, body)
		}
	}
	live := "rtmp://" + to.addr(t, "rtmp") + "/live/"
	srtAt := "127.0.0.1:" + pushtest.FreePort(t, "udp")
	listen := "srt://" + srtAt + "?mode=listener&passphrase=" + passphrase
	first := pushtest.Receive(t, listen)
	toServer := addOutput(t, from, "talk", live+"second?from=en&to=ca&consent=true", "es")
	toListener := addOutput(t, from, "talk", "srt://"+srtAt+"?passphrase="+passphrase+"&streamid="+name, "es", "ca")
	refused := addOutput(t, from, "talk", live+wrong+"?from=en&to=es", "es")

	t.Run("a second server", func(t *testing.T) {
		outputComes(t, from, "talk", toServer.ID, "live by RTMP", isLive)
		until(t, "the second server has the session", func() bool {
			code, _ := to.call(t, "GET", "/v1/sessions/second", "", nil)
			return code == 200
		})
		w := watch(t, to, "/whep/second/en")
		waits(t, "its viewers see and hear it", func() bool { frames, sounds := w.came(); return frames > 100 && sounds > 200 })
	})
	t.Run("a wrong key", func(t *testing.T) {
		o := outputComes(t, from, "talk", refused.ID, "refused", func(o sentOn) bool { return o.State == "refused" })
		if !strings.Contains(o.LastError, "no right to it") || !strings.HasSuffix(o.URL, "/live/…") {
			t.Errorf("%+v", o)
		}
	})
	t.Run("a listener that comes back", func(t *testing.T) {
		was := outputComes(t, from, "talk", toListener.ID, "live by SRT", func(o sentOn) bool { return isLive(o) && o.Bytes > 100_000 })
		first.Kill()
		outputComes(t, from, "talk", toListener.ID, "without its listener", func(o sentOn) bool { return o.State != "live" && o.LastError != "" })
		second := pushtest.Receive(t, listen)
		o := outputComes(t, from, "talk", toListener.ID, "back", func(o sentOn) bool { return isLive(o) && o.Bytes > was.Bytes+600_000 })
		if o.Retries == 0 {
			t.Errorf("%+v", o)
		}
		if status, body := from.call(t, "DELETE", "/v1/sessions/talk/outputs/"+toListener.ID, "", nil); status != 204 {
			t.Fatalf("%d %s", status, body)
		}
		said := second.Wait(30 * time.Second)
		if got := streamsOf(t, second.Path); !slices.Equal(got, []string{"h264", "aac spa", "aac cat"}) {
			t.Fatalf("received %q; %s", got, said)
		}
		f, err := filmtest.Read(t.Context(), second.Path)
		if err != nil {
			t.Fatal(err)
		}
		late := f.Late(testFPS)
		t.Logf("%d frames, after %d retries; sound less frame %.1f ms", len(f.Frames), o.Retries, late)
		if len(f.Frames) < 100 || len(late) < 3 || worst(late) > 60 {
			t.Errorf("%d frames, sound late by %.1f ms", len(f.Frames), late)
		}
	})
	_, status := from.call(t, "GET", "/v1/sessions/talk", "", nil)
	_, list := from.call(t, "GET", "/v1/sessions/talk/outputs", "", nil)
	for _, secret := range []string{wrong, passphrase, name} {
		if strings.Contains(status+list+from.printed(), secret) {
			t.Error("a secret of an address is told")
		}
	}
	if n := from.gauge(t, `livedub_outputs{state="live"}`); n != 1 {
		t.Errorf("%v outputs are live", n)
	}
	for _, name := range []string{"livedub_output_bytes_total", "livedub_output_retries_total"} {
		if from.gauge(t, name) == 0 {
			t.Errorf("%s is 0", name)
		}
	}
}

// TestRestreamStaysOutside: a name that leads to this machine is not connected to, unless
// that is listed.
func TestRestreamStaysOutside(t *testing.T) {
	film := filepath.Join(t.TempDir(), "talk.mp4")
	broadcast(t, film, 20*time.Second)
	s := serve(t, slices.Concat(fakes, []string{"--rtmp-listen", "127.0.0.1:0"})...)
	_, port, _ := strings.Cut(s.addr(t, "rtmp"), ":")
	push(t, film, "-f", "flv", "rtmp://127.0.0.1:"+port+"/live/talk?from=en&to=es&consent=true")
	until(t, "the session is there", func() bool {
		code, _ := s.call(t, "GET", "/v1/sessions/talk", "", nil)
		return code == 200
	})
	o := addOutput(t, s, "talk", "rtmp://localhost:"+port+"/live/loop?from=en&to=es", "es")
	outputComes(t, s, "talk", o.ID, "told that it is refused", func(o sentOn) bool { return strings.Contains(o.LastError, "not public") })
	if code, _ := s.call(t, "GET", "/v1/sessions/loop", "", nil); code != 404 {
		t.Errorf("the server has sent to itself: %d", code)
	}
}

// waits is until with the patience that a busy machine needs.
func waits(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !ok(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never %s", what)
		}
	}
}

// streamsOf returns codec and language of each stream of a film.
func streamsOf(t *testing.T, path string) (out []string) {
	t.Helper()
	var said struct {
		Streams []struct {
			Codec string `json:"codec_name"`
			Tags  struct{ Language string }
		}
	}
	if err := json.Unmarshal([]byte(tool(t, "ffprobe", "-v", "error", "-show_streams", "-of", "json", path)), &said); err != nil {
		t.Fatal(err)
	}
	for _, s := range said.Streams {
		out = append(out, strings.TrimSpace(s.Codec+" "+s.Tags.Language))
	}
	return out
}

// TestRestreamGoesOnElsewhere kills the node that sends a call on. What was added by the
// gateway is kept with the session: the node that opens it sends it on, untold.
func TestRestreamGoesOnElsewhere(t *testing.T) {
	r := redistest.Start(t)
	hosts := []string{"--push-host", "127.0.0.0/8"}
	nodes := map[string]*server{"one": node(t, r, "one", hosts...), "two": node(t, r, "two", hosts...)}
	g := startGateway(t, r)
	to := serve(t, slices.Concat(fakes, []string{"--rtmp-listen", "127.0.0.1:0"})...)
	var p struct {
		place
		ID string
	}
	if status, body := g.call(t, "POST", "/v1/sessions", `{"from":"en","to":["es"]}`, &p); status != 201 {
		t.Fatalf("%d %s", status, body)
	}
	whip := strings.TrimPrefix(p.WHIP, g.base)
	publish(t, g, whip, newSpeaker(t, time.Second), nil)
	o := addOutput(t, g, p.ID, "rtmp://"+to.addr(t, "rtmp")+"/live/second?from=en&to=ca", "es")
	outputComes(t, g, p.ID, o.ID, "live", isLive)
	time.Sleep(time.Second) // what is told is kept within 200 ms
	nodes[busiest(t, g)].kill(t)
	publish(t, g, whip, newSpeaker(t, time.Second), nil)
	next := outputComes(t, g, p.ID, o.ID, "live at the other node", isLive)
	if next.URL != o.URL || !slices.Equal(next.Langs, o.Langs) {
		t.Errorf("%+v was %+v", next, o)
	}
	if status, body := g.call(t, "DELETE", "/v1/sessions/"+p.ID+"/outputs/"+o.ID, "", nil); status != 204 {
		t.Errorf("%d %s", status, body)
	}
}

// TestPageSendsOn: the page has a call be sent on, shows how that does and why it is
// refused, and ends it; the address with its key is gone from the page at once.
func TestPageSendsOn(t *testing.T) {
	to := serve(t, slices.Concat(fakes, []string{"--rtmp-listen", "127.0.0.1:0"})...)
	s := serve(t, slices.Concat(fakes, []string{"--push-host", "127.0.0.0/8"})...)
	wav := filepath.Join(t.TempDir(), "sentences.wav")
	sentences(t, wav)
	ctx := studio(t, s, cardCamera, wav)
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(id("outputs")+" summary"))); err != nil {
		t.Fatal(err)
	}
	const secret = "ldk_a-key-that-nobody-has"
	allLogs.hush("a stream key", secret)
	live := "rtmp://" + to.addr(t, "rtmp") + "/live/"
	add := func(url string) {
		t.Helper()
		script[bool](t, ctx, `(() => { const f = document.querySelector('`+id("output-url")+`'); f.value = "`+url+`"; return f.dispatchEvent(new Event("input", { bubbles: true })); })()`)
		if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(id("output-add")))); err != nil {
			t.Fatal(err)
		}
	}
	shown := func(state string) string {
		return `document.querySelector('` + id("output") + `[data-state="` + state + `"]')`
	}
	add("rtmp://10.0.0.1/live/" + secret)
	await(t, ctx, "a refusal in words", `document.querySelector('`+id("output-said")+`').innerText.includes("does not send to that host")`, time.Minute)
	add(live + secret)
	await(t, ctx, "that it is refused, and why", shown("refused")+`?.innerText.includes("no right to it")`, 90*time.Second)
	await(t, ctx, "a page without the key", `!document.body.innerHTML.includes("`+secret+`") && document.querySelector('`+id("output-url")+`').value === ""`, time.Minute)
	add(live + "second?from=en&to=ca")
	await(t, ctx, "that it is live", "!!"+shown("live"), 90*time.Second)
	screenshot(t, ctx, "outputs")
	if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(id("output")+`[data-state="live"] button`))); err != nil {
		t.Fatal(err)
	}
	await(t, ctx, "that it is gone", "!"+shown("live")+" && !!"+shown("refused"), time.Minute)
}
