package main

import (
	"errors"
	"log/slog"
	"maps"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/inference"
	"livedub/inference/fake"
	"livedub/internal/config"
	"livedub/session/live"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/signaling"
)

// openOutputsOf returns the outputs of a node that sends to these hosts, and its call "talk".
func openOutputsOf(t *testing.T, hosts ...string) (*outputs, *calls) {
	t.Helper()
	o, err := openOutputs(config.Config{Serve: config.Serve{PushHosts: hosts}}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	engines := spec.Engines{Recognizer: &fake.Recognizer{}, Translator: &fake.Translator{}, Synthesizer: &fake.Synthesizer{}}
	c := &calls{engines: engines, outputs: o}
	c.manager = live.NewManager(live.ManagerConfig{
		Engines: engines, Base: spec.Config{Profile: spec.Sync}, Max: 1, Follow: []func(*live.Call, *record.Reader){o.Follow},
	})
	t.Cleanup(c.manager.Close)
	if _, err := c.Create(t.Context(), signaling.Request{ID: "talk", From: "en", To: []inference.Lang{"es", "ca"}}); err != nil {
		t.Fatal(err)
	}
	return o, c
}

// TestOutputHosts: hosts inside are refused, in whatever notation, unless they are listed.
func TestOutputHosts(t *testing.T) {
	inside := []string{
		"rtmp://127.0.0.1/live/sesame", "rtmp://127.0.0.1:6379/live/sesame", "rtmps://[::1]/live/sesame", "rtmp://[::ffff:127.0.0.1]/live/sesame", "rtmp://10.0.0.7/live/sesame",
		"rtmp://169.254.169.254/latest/sesame", "srt://192.168.1.1:8890?streamid=sesame", "srt://[fd00::1]:8890?streamid=sesame", "rtmp://2130706433/live/sesame",
		"rtmp://0x7f.1/live/sesame", "rtmp://0/live/sesame", "srt://100.64.0.1:1?streamid=sesame", "rtmp://[fe80::1%25eth0]/live/sesame",
	}
	public := []string{"rtmp://live.example.com/live/sesame", "srt://8.8.8.8:8890?streamid=sesame"}
	for _, c := range []struct {
		list    []string
		refused []string
		taken   []string
	}{
		{[]string{"public"}, inside, public},
		{[]string{"public", "127.0.0.0/8", "10.0.0.7"}, inside[5:], []string{inside[0], inside[4], public[0]}},
		{[]string{"live.example.com"}, append(inside, public[1]), public[:1]},
		{nil, append(inside, public...), nil},
	} {
		o, calls := openOutputsOf(t, c.list...)
		for _, url := range c.refused {
			_, err := o.AddOutput(t.Context(), "talk", url, []string{"es"})
			if !errors.Is(err, signaling.ErrBadRequest) || strings.Contains(err.Error(), "sesame") {
				t.Errorf("%v: %s: %v", c.list, url, err)
			}
		}
		for _, url := range c.taken {
			if got, err := o.AddOutput(t.Context(), "talk", url, []string{"es"}); err != nil || strings.Contains(got.URL, "sesame") {
				t.Errorf("%v: %s: %+v, %v", c.list, url, got, err)
			}
		}
		info, err := calls.Get("talk")
		if err != nil || len(info.Outputs) != len(c.taken) {
			t.Errorf("%v: %+v, %v", c.list, info.Outputs, err)
		}
	}
}

// TestOutputsOfACall: what the endpoints are told of outputs, and what is counted.
func TestOutputsOfACall(t *testing.T) {
	o, c := openOutputsOf(t, "public")
	for _, bad := range []struct {
		url   string
		langs []string
		text  string
	}{
		{"https://live.example.com/live/sesame", []string{"es"}, "begins with none of"},
		{"rtmp://live.example.com/live/sesame", []string{"es", "ca"}, "one sound"},
		{"rtmp://live.example.com/live/sesame", []string{"fr"}, `no "fr"`},
		{"rtmp://live.example.com/live/sesame", nil, "no language"},
		{"rtmp://live.example.com/live/" + strings.Repeat("sesame", 500), []string{"es"}, "at most"},
	} {
		_, err := o.AddOutput(t.Context(), "talk", bad.url, bad.langs)
		if !errors.Is(err, signaling.ErrBadRequest) || !strings.Contains(err.Error(), bad.text) || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%.60s %v: %v", bad.url, bad.langs, err)
		}
	}
	got, err := o.AddOutput(t.Context(), "talk", "srt://live.example.com:8890?streamid=sesame&passphrase=open-the-door", []string{"es", "ca"})
	if err != nil || got.State != "waiting" || got.URL != "srt://live.example.com:8890?streamid=…" {
		t.Fatalf("%+v, %v", got, err)
	}
	call, err := c.manager.Get("talk")
	if err != nil {
		t.Fatal(err)
	}
	if kept := call.Outputs(); len(kept) != 1 || kept[0].ID != got.ID || !strings.Contains(kept[0].URL, "open-the-door") {
		t.Errorf("other nodes know of %+v", kept)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(o)
	all, err := registry.Gather()
	if err != nil || len(all) != 4 {
		t.Fatalf("%v, %v", all, err)
	}
	states := map[string]float64{}
	for _, f := range all {
		if f.GetName() != "livedub_outputs" {
			continue
		}
		for _, m := range f.GetMetric() {
			states[m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
		}
	}
	if !maps.Equal(states, map[string]float64{"connecting": 0, "live": 0, "refused": 0, "waiting": 1}) {
		t.Errorf("states %v", states)
	}
	if err := o.RemoveOutput("talk", got.ID); err != nil || len(call.Outputs()) != 0 {
		t.Errorf("%v, %+v", err, call.Outputs())
	}
	if err := o.RemoveOutput("talk", got.ID); !errors.Is(err, signaling.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if _, err := o.AddOutput(t.Context(), "nobody", "rtmp://live.example.com/live/sesame", []string{"es"}); !errors.Is(err, signaling.ErrNotFound) {
		t.Errorf("of no session: %v", err)
	}
}
