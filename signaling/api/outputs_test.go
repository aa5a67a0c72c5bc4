package api

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

// fakeOutputs are those of the session "talk".
type fakeOutputs struct {
	all   []signaling.OutputInfo
	asked []string // URL and languages
	err   error
}

func (f *fakeOutputs) Outputs(string) ([]signaling.OutputInfo, error) { return f.all, f.err }

func (f *fakeOutputs) AddOutput(_ context.Context, _, url string, langs []string) (signaling.OutputInfo, error) {
	f.asked = append(f.asked, url+" "+strings.Join(langs, ","))
	if f.err != nil {
		return signaling.OutputInfo{}, f.err
	}
	host, _, _ := strings.Cut(url, "/live/")
	o := signaling.OutputInfo{ID: "one", URL: host + "/live/…", Langs: langs, State: "waiting", Since: time.Unix(1, 0).UTC()}
	f.all = append(f.all, o)
	return o, nil
}

func (f *fakeOutputs) RemoveOutput(_, output string) error {
	if len(f.all) == 0 || f.all[0].ID != output {
		return signaling.ErrNotFound
	}
	f.all = nil
	return f.err
}

func openWithOutputs(t *testing.T) (*rig, *fakeOutputs) {
	d, f := signalingtest.NewDesk("talk"), &fakeOutputs{}
	get := d.GetFunc
	d.GetFunc = func(id string) (signaling.Info, error) {
		i, err := get(id)
		i.Outputs = f.all
		return i, err
	}
	endpoint := New(Config{Sessions: d, Outputs: f, Heartbeat: 20 * time.Millisecond})
	return &rig{signalingtest.Open(t, d, endpoint), endpoint}, f
}

const outputsPath = "/v1/sessions/talk/outputs"

// TestOutputs: an output is added, shown in the list and in the session's status, and removed.
func TestOutputs(t *testing.T) {
	r, _ := openWithOutputs(t)
	if status, got, _ := r.do("GET", outputsPath, ""); status != 200 || !reflect.DeepEqual(got, map[string]any{"outputs": []any{}}) {
		t.Errorf("none: %d %v", status, got)
	}
	want := map[string]any{
		"id": "one", "url": "rtmp://live.example/live/…", "langs": []any{"es"}, "state": "waiting", "since": "1970-01-01T00:00:01Z",
		"retries": 0., "bytes": 0., "dropped_frames": 0., "bitrate": 0.,
	}
	if status, got, _ := r.do("POST", outputsPath, `{"url":"rtmp://live.example/live/sesame","langs":["es"]}`); status != 201 || !reflect.DeepEqual(got, want) {
		t.Errorf("added: %d %v", status, got)
	}
	for _, path := range []string{outputsPath, "/v1/sessions/talk"} {
		if status, got, _ := r.do("GET", path, ""); status != 200 || !reflect.DeepEqual(got["outputs"], []any{want}) {
			t.Errorf("%s: %d %v", path, status, got["outputs"])
		}
	}
	for _, wants := range []int{204, 404} {
		if got := r.Do("DELETE", outputsPath+"/one", ""); got.Status != wants {
			t.Errorf("removed: %d %s, want %d", got.Status, got.Body, wants)
		}
	}
	if got := r.Do("PUT", outputsPath, ""); got.Status != 405 {
		t.Errorf("PUT: %d", got.Status)
	}
}

// TestOutputsRefuses: what cannot be an output is refused before anything is asked, and no
// answer repeats an address.
func TestOutputsRefuses(t *testing.T) {
	r, f := openWithOutputs(t)
	for body, text := range map[string]string{
		"":                               "empty",
		"url=rtmp://live.example/sesame": "no JSON",
		`{"url":7,"langs":["es"]}`:       "want text",
		`{"url":"x","langs":"es"}`:       "want a list",
		`{"url":"x","langs":[{}]}`:       "",
		`{"uri":"rtmp://live.example/live/sesame","langs":["es"]}`:                                                        `did you mean "url"?`,
		`{"url":"rtmp://live.example/live/sesame","langs":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`: "",
	} {
		got := r.Do("POST", outputsPath, body)
		if got.Status != 400 || !strings.Contains(strings.ReplaceAll(got.Body, `\"`, `"`), text) || strings.Contains(got.Body, "sesame") || len(f.asked) > 0 {
			t.Errorf("%.60q: %d %.300s, asked %v", body, got.Status, got.Body, f.asked)
		}
	}
	if got := r.Do("POST", outputsPath, `{"url":"`+strings.Repeat("x", 70000)+`"}`); got.Status != 413 {
		t.Errorf("too long: %d", got.Status)
	}
	f.err = signaling.ErrBadRequest.Errorf("url: this server does not send to that host")
	if got := r.Do("POST", outputsPath, `{"url":"rtmp://10.0.0.1/live/sesame","langs":["es"]}`); got.Status != 400 || !strings.Contains(got.Body, "does not send") || strings.Contains(got.Body, "sesame") {
		t.Errorf("a host that is not asked: %d %s", got.Status, got.Body)
	}
}

// TestOutputsRights: none but who controls the session sees or changes where it is sent.
func TestOutputsRights(t *testing.T) {
	r, f := openWithOutputs(t)
	f.all = []signaling.OutputInfo{{ID: "one", URL: "rtmp://live.example/live/…", Langs: []string{"es"}, State: "live"}}
	token := func(role access.Role) string { return signalingtest.Token("talk", role, "") }
	for name, headers := range map[string][]string{
		"foreign page": evil, "afar": afar("x"), "watcher": append(afar(token(access.Watch)), evil...), "publisher": afar(token(access.Publish)),
		"another session's": afar(signalingtest.Token("other", access.Control, "")),
	} {
		for _, c := range [][]string{{"GET", outputsPath, ""}, {"POST", outputsPath, `{"url":"rtmp://live.example/live/sesame","langs":["es"]}`}, {"DELETE", outputsPath + "/one", ""}} {
			got := r.Do(c[0], c[1], c[2], headers...)
			missing := r.Do(c[0], strings.Replace(c[1], "talk", "nobody", 1), c[2], headers...)
			if got.Status != 404 || got.Body != missing.Body || len(f.all) != 1 || len(f.asked) > 0 {
				t.Errorf("%s: %s: %d %s; of no session: %s", name, c[0], got.Status, got.Body, missing.Body)
			}
		}
	}
	if got := r.Do("GET", "/v1/sessions/talk~"+token(access.Watch), "", evil...); got.Status != 200 || strings.Contains(got.Body, "outputs") {
		t.Errorf("a watcher sees %s", got.Body)
	}
	if got := r.Do("GET", "/v1/sessions/talk~"+token(access.Control)+"/outputs", "", evil...); got.Status != 200 || !strings.Contains(got.Body, `"one"`) {
		t.Errorf("who controls: %d %s", got.Status, got.Body)
	}
}

// TestOutputEvents: states are told to those who control the session, and to nobody else.
func TestOutputEvents(t *testing.T) {
	for role, sees := range map[access.Role]bool{access.Control: true, access.Watch: false} {
		r, _ := openWithOutputs(t)
		src := listenTo(r.Desk)
		src.events <- signaling.Event{Seq: 3, Output: &signaling.OutputState{ID: "one", State: "live"}}
		src.events <- signaling.Event{Seq: 4, Moved: &signaling.Moved{}}
		resp := r.Start(r.Request("GET", "/v1/sessions/talk~"+signalingtest.Token("talk", role, "")+"/events", "", evil...))
		got := readAll(t, resp)
		resp.Body.Close()
		if strings.Contains(got, "id: 3\nevent: output\ndata: {\"id\":\"one\",\"state\":\"live\"}\n\n") != sees || strings.Contains(got, "output") != sees {
			t.Errorf("%s: %s", role, got)
		}
	}
}
