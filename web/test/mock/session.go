package main

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// said is what the invented speaker says, three seconds each.
var said = []struct{ from, to string }{
	{"Good morning and welcome.", "Buenos días y bienvenidos."},
	{"Today we talk about the weather in the north.", "Hoy hablamos del tiempo en el norte."},
	{"It rains in the morning.", "Llueve por la mañana."},
	{"In the evening the sun comes out.", "Por la tarde sale el sol."},
	{"Take an umbrella with you.", "Lleva un paraguas contigo."},
}

const unit = 3.0 // s

type session struct {
	id, from, profile string
	to                []string

	mu      sync.Mutex
	began   time.Time // when somebody published
	tracks  map[string][]*webrtc.TrackLocalStaticRTP
	peers   []*webrtc.PeerConnection
	refresh func()
	done    chan struct{}
	reason  string
	off     map[string]bool           // dubs whose mouth was switched off
	is      map[string]map[string]any // how dubs are heard
	dumps   chan map[string]any
	keep    []string
	fence   int64         // 0 outside of a cluster
	moved   chan struct{} // closed when the fence rises
	relays  map[string]*relay
}

func newSession(id, from string, to []string, profile string) *session {
	return &session{id: id, from: from, to: to, profile: profile, refresh: func() {}, done: make(chan struct{}), off: map[string]bool{}, is: map[string]map[string]any{}, dumps: make(chan map[string]any, 8),
		moved: make(chan struct{}), relays: map[string]*relay{"audio": {rate: 48000}, "video": {rate: 90000}},
		tracks: map[string][]*webrtc.TrackLocalStaticRTP{}}
}

func (v *session) close(reason string) {
	v.mu.Lock()
	v.reason = reason
	close(v.done)
	peers := v.peers
	v.mu.Unlock()
	// Outside the lock: closing waits for readers, and they take it.
	for _, p := range peers {
		p.Close()
	}
}

// move raises the fence and tells those who listen, whose streams end.
func (v *session) move() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fence++
	close(v.moved)
	v.moved = make(chan struct{})
}

func (v *session) under() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.fence
}

func (v *session) words() map[string]any {
	whep := map[string]string{v.from: "/whep/" + v.id + "/" + v.from}
	watch := map[string]string{}
	for _, l := range v.to {
		whep[l] = "/whep/" + v.id + "/" + l
		watch[l] = "/#/watch/" + v.id + "/" + l
	}
	return map[string]any{"id": v.id, "from": v.from, "to": v.to, "profile": v.profile, "delay_ms": delay.Milliseconds(),
		"whip": "/whip/" + v.id, "whep": whep, "events": "/v1/sessions/" + v.id + "/events",
		"control": "/v1/sessions/" + v.id, "watch": watch}
}

// now is the session's clock in seconds, 0 before anybody publishes.
func (v *session) now() float64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.began.IsZero() {
		return 0
	}
	return time.Since(v.began).Seconds()
}

func (v *session) show(w http.ResponseWriter, _ *http.Request) {
	now := v.now()
	var phrases []any
	for i := range said {
		start := float64(i) * unit
		end, heard := start+2.2+.1*float64(i%3), start+2.9
		late := []float64{0, 0, 640, 120, 0}[i%5]
		if now < heard+.3 {
			break
		}
		p := map[string]any{"id": i, "source_text": said[i].from, "text": said[i].to, "source_start": start, "source_end": end,
			"dub_start": start + 3 + late/1000, "dub_end": end + 3 + late/1000, "late_ms": late, "fate": "played",
			"slowest": map[string]any{"stage": "voice", "engine": "kokoro", "ms": 250 + 1000*late/1500},
			"steps":   map[string]float64{"heard_at": heard, "ready_at": heard + .25 + late/1500, "translate_ms": 60 + 20*float64(i), "speak_ms": 120}}
		phrases = append(phrases, p)
	}
	out := v.words()
	dubs := map[string]any{}
	level := "lips"
	if int(now)%25 > 18 {
		level = "voice"
	}
	v.mu.Lock()
	langs := v.to
	v.mu.Unlock()
	for _, l := range langs {
		level, why, lips := level, "", "on"
		v.mu.Lock()
		if v.off[l] {
			level, why, lips = "voice", "switched off", "off"
		}
		dub := map[string]any{}
		for name, value := range v.is[l] {
			dub[name] = value
		}
		v.mu.Unlock()
		for name, value := range map[string]any{"ladder": level, "why": why, "lips": lips, "phrases": phrases,
			"ear_voice_span_ms": map[string]any{"p50": 4100 + 260*math.Sin(now/3), "p95": 4900, "samples": 12},
			"av_offset_ms":      map[string]any{"p1": -20, "p50": 4, "p99": 31, "samples": 500}} {
			dub[name] = value
		}
		dubs[l] = dub
	}
	v.mu.Lock()
	out["keep"] = v.keep
	v.mu.Unlock()
	out["dubs"], out["state"], out["now"] = dubs, "live", now
	if f := v.under(); f > 0 {
		out["fence"] = f
	}
	reply(w, 200, out)
}

// change changes dubs, which languages there are, or the words to keep.
func (v *session) change(w http.ResponseWriter, r *http.Request) {
	var ask struct {
		To   []string                  `json:"to"`
		Dubs map[string]map[string]any `json:"dubs"`
		Keep *[]string                 `json:"keep"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		reply(w, 400, map[string]string{"error": err.Error()})
		return
	}
	for _, d := range ask.Dubs {
		if d["voice"] == "male" {
			reply(w, 422, map[string]string{"error": "no male voice here"})
			return
		}
	}
	v.mu.Lock()
	for l, d := range ask.Dubs {
		if v.is[l] == nil {
			v.is[l] = map[string]any{}
		}
		for name, value := range d {
			if name == "lips" {
				v.off[l] = value == false
			} else {
				v.is[l][name] = value
			}
		}
	}
	if ask.Keep != nil {
		v.keep = *ask.Keep
	}
	if ask.To != nil {
		v.to = ask.To
	}
	v.mu.Unlock()
	v.show(w, r)
}

// dump withdraws the phrase that is being said, and the one before.
func (v *session) dump(w http.ResponseWriter, _ *http.Request) {
	now := v.now()
	i := int(now / unit)
	is := map[string]any{"from": now, "to": now + delay.Seconds(), "phrases": []int{i - 1, i}}
	v.dumps <- is
	reply(w, 200, is)
}

// heard are the words of a line, each fourth of them a doubtful one.
func heard(text string) (out []any) {
	for i, w := range strings.Fields(text) {
		out = append(out, map[string]any{"text": w, "confidence": []float64{.97, .8, .91, .38}[i%4]})
	}
	return out
}

// events tells the captions word by word, and the end.
func (v *session) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(kind string, data any) {
		b, _ := json.Marshal(data)
		fmt.Fprintf(w, "event: %s\ndata: %s\n\n", kind, b)
		w.(http.Flusher).Flush()
	}
	send("ladder", map[string]any{"lang": v.to[0], "level": "lips", "why": "", "at": 0})
	caption := func(lang string, i int, text string, final bool, end float64) {
		c := map[string]any{"lang": lang, "id": i, "text": text, "final": final, "start": float64(i) * unit, "end": end}
		if final && lang == v.from {
			c["words"] = heard(text)
		}
		send("caption", c)
	}
	told, dumped := map[string]bool{}, 0.
	v.mu.Lock()
	moved := v.moved
	v.mu.Unlock()
	for {
		select {
		case <-moved:
			send("moved", map[string]int64{"fence": v.under()})
			return
		case <-r.Context().Done():
			return
		case <-v.done:
			if v.reason != "" {
				send("end", map[string]string{"reason": v.reason})
			}
			return
		case is := <-v.dumps:
			send("dumped", is)
			dumped = is["from"].(float64)
			continue
		case <-time.After(200 * time.Millisecond):
		}
		now := v.now()
		if now == 0 {
			continue
		}
		i := int(now / unit)
		if float64(i)*unit < dumped {
			continue
		}
		line := said[i%len(said)]
		in := now - float64(i)*unit
		words := strings.Fields(line.from)
		n := min(len(words), int(in/2.2*float64(len(words))))
		if key := fmt.Sprint(i, n); n > 0 && in < 2.4 && !told[key] {
			told[key] = true
			caption(v.from, i, strings.Join(words[:n], " "), false, now)
		}
		if key := fmt.Sprint(i, "final"); in > 2.6 && !told[key] {
			told[key] = true
			end := float64(i)*unit + 2.2
			caption(v.from, i, line.from, true, end)
			v.mu.Lock()
			langs := v.to
			v.mu.Unlock()
			for _, l := range langs {
				caption(l, i, line.to, true, end)
			}
		}
	}
}
