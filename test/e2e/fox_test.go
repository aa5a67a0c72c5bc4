package e2e

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"livedub/internal/testkit/groundtest"
)

// foxPrefs let Firefox run on a machine without camera, loudspeaker, display or
// network, and keep it from talking to anybody but the page.
var foxPrefs = map[string]any{
	"media.navigator.streams.fake":                      true, // a moving test card and a tone
	"media.navigator.permission.disabled":               true,
	"media.autoplay.default":                            0,
	"media.peerconnection.ice.loopback":                 true,
	"media.peerconnection.ice.obfuscate_host_addresses": false,
	"media.gmp-manager.updateEnabled":                   false,
	"media.gmp-manager.url":                             "data:text/plain,",
	"network.captive-portal-service.enabled":            false,
	"network.connectivity-service.enabled":              false,
	"browser.shell.checkDefaultBrowser":                 false,
	"browser.aboutwelcome.enabled":                      false,
	"datareporting.policy.dataSubmissionEnabled":        false,
	"toolkit.telemetry.enabled":                         false,
	"app.normandy.enabled":                              false,
	"services.settings.server":                          "data:,#remote-settings-dummy/v1",
	"intl.accept_languages":                             "en-US,en",
}

// fox is a page in headless Firefox, driven by WebDriver BiDi (W3C), which
// Firefox speaks by itself: JSON messages over one websocket.
type fox struct {
	t    *testing.T
	conn *websocket.Conn
	page string // its browsing context
	read chan struct{}

	mu         sync.Mutex
	sent       int
	answers    map[int]chan foxAnswer
	complaints []string // uncaught exceptions and console errors of the page
}

// foxAnswer is a message from Firefox: an answer where ID is set, else an event.
type foxAnswer struct {
	ID      int
	Type    string
	Error   string
	Message string
	Method  string
	Params  json.RawMessage
	Result  json.RawMessage
}

// firefox starts Firefox with a fresh profile and more preferences, and ends it with the test.
func firefox(t *testing.T, more map[string]any) *fox {
	t.Helper()
	exe, err := exec.LookPath("firefox-esr")
	if err != nil {
		groundtest.Need(t, "no firefox-esr: sudo apt-get install -y firefox-esr")
	}
	home := t.TempDir()
	profile := filepath.Join(home, "profile")
	prefs := maps.Clone(foxPrefs)
	maps.Copy(prefs, more)
	var user strings.Builder
	for name, value := range prefs {
		v, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&user, "user_pref(%q, %s);\n", name, v)
	}
	if err := os.Mkdir(profile, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(profile, "user.js"), []byte(user.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "--headless", "--no-remote", "--profile", profile, "--remote-debugging-port", "0", "about:blank")
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_RUNTIME_DIR="+home, "MOZ_CRASHREPORTER_DISABLE=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	told, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	done := make(chan struct{})
	var log strings.Builder
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(told); lines.Scan(); {
			if _, url, ok := strings.Cut(lines.Text(), "BiDi listening on "); ok {
				address <- strings.TrimSpace(url)
			}
			fmt.Fprintln(&log, lines.Text())
		}
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-done
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("Firefox printed:\n%s", log.String())
		}
	})
	var url string
	select {
	case url = <-address:
	case <-done:
		t.Fatal("Firefox ended before it could be driven")
	case <-time.After(60 * time.Second):
		t.Fatal("Firefox tells no address of WebDriver BiDi")
	}
	conn, resp, err := websocket.DefaultDialer.Dial(url+"/session", http.Header{})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	f := &fox{t: t, conn: conn, read: make(chan struct{}), answers: map[int]chan foxAnswer{}}
	go f.listen()
	t.Cleanup(func() {
		conn.Close()
		<-f.read
		for _, c := range f.complaints {
			t.Errorf("the page complained: %s", c)
		}
	})
	f.call("session.new", map[string]any{"capabilities": map[string]any{}}, nil)
	f.call("session.subscribe", map[string]any{"events": []string{"log.entryAdded"}}, nil)
	var tree struct{ Contexts []struct{ Context string } }
	f.call("browsingContext.getTree", map[string]any{}, &tree)
	f.page = tree.Contexts[0].Context
	f.call("browsingContext.setViewport", map[string]any{"context": f.page, "viewport": map[string]int{"width": 1280, "height": 960}}, nil)
	return f
}

// listen hands on answers and keeps what the page complains about, until the connection closes.
func (f *fox) listen() {
	defer close(f.read)
	for {
		var a foxAnswer
		if err := f.conn.ReadJSON(&a); err != nil {
			f.mu.Lock()
			for id, c := range f.answers {
				c <- foxAnswer{Type: "error", Error: "connection lost", Message: err.Error()}
				delete(f.answers, id)
			}
			f.answers = nil
			f.mu.Unlock()
			return
		}
		f.mu.Lock()
		if c, ok := f.answers[a.ID]; ok {
			delete(f.answers, a.ID)
			c <- a
		}
		var entry struct{ Level, Type, Text string }
		if a.Method == "log.entryAdded" && json.Unmarshal(a.Params, &entry) == nil && entry.Level == "error" {
			f.complaints = append(f.complaints, entry.Type+": "+entry.Text)
		}
		f.mu.Unlock()
	}
}

// ask sends one command and decodes its result into v, unless nil.
func (f *fox) ask(method string, params, v any) error {
	c := make(chan foxAnswer, 1)
	f.mu.Lock()
	if f.answers == nil {
		f.mu.Unlock()
		return errors.New("the connection to Firefox is lost")
	}
	f.sent++
	id := f.sent
	f.answers[id] = c
	err := f.conn.WriteJSON(map[string]any{"id": id, "method": method, "params": params})
	f.mu.Unlock()
	if err != nil {
		return err
	}
	select {
	case a := <-c:
		if a.Type != "success" {
			return fmt.Errorf("%s: %s: %s", method, a.Error, a.Message)
		}
		if v == nil {
			return nil
		}
		return json.Unmarshal(a.Result, v)
	case <-time.After(2 * time.Minute):
		return fmt.Errorf("%s: Firefox does not answer", method)
	}
}

// call is ask for what must not fail.
func (f *fox) call(method string, params, v any) {
	f.t.Helper()
	if err := f.ask(method, params, v); err != nil {
		f.t.Fatal(err)
	}
}

// open loads an address.
func (f *fox) open(url string) {
	f.t.Helper()
	f.call("browsingContext.navigate", map[string]any{"context": f.page, "url": url, "wait": "complete"}, nil)
}

// tab opens another page, which all that follows is about.
func (f *fox) tab() {
	f.t.Helper()
	var made struct{ Context string }
	f.call("browsingContext.create", map[string]any{"type": "tab"}, &made)
	f.page = made.Context
}

// value evaluates a JavaScript expression, awaits it and decodes it into v. The
// page takes it for something that a person did.
func (f *fox) value(expression string, v any) error {
	var r struct {
		Type      string
		Result    struct{ Value string }
		Exception struct{ Text string } `json:"exceptionDetails"`
	}
	err := f.ask("script.evaluate", map[string]any{
		"expression": "(async () => JSON.stringify(await (" + expression + ")) ?? 'null')()",
		"target":     map[string]string{"context": f.page}, "awaitPromise": true, "userActivation": true,
	}, &r)
	if err != nil {
		return err
	}
	if r.Type != "success" {
		return errors.New(r.Exception.Text)
	}
	return json.Unmarshal([]byte(r.Result.Value), v)
}

// run runs a statement.
func (f *fox) run(statement string) {
	f.t.Helper()
	var ok bool
	if err := f.value("(() => { "+statement+"; return true })()", &ok); err != nil {
		f.t.Fatalf("%s: %v", statement, err)
	}
}

// click presses what the page names so.
func (f *fox) click(name string) {
	f.t.Helper()
	f.run(`document.querySelector('` + id(name) + `').click()`)
}

// await evaluates a JavaScript condition until it holds.
func (f *fox) await(what, condition string, limit time.Duration) {
	f.t.Helper()
	for end := time.Now().Add(limit); ; time.Sleep(200 * time.Millisecond) {
		var ok bool
		err := f.value("!!("+condition+")", &ok)
		if err == nil && ok {
			return
		}
		if time.Now().After(end) {
			f.screenshot("fox-failed")
			var text string
			_ = f.value("document.body.innerText", &text)
			f.t.Fatalf("%s did not come about in %v (%v); the page says:\n%s", what, limit, err, text)
		}
	}
}

// screenshot keeps an image of the page where LIVEDUB_SCREENSHOTS points to.
func (f *fox) screenshot(name string) {
	keep(f.t, name, func() ([]byte, error) {
		var shot struct{ Data []byte }
		err := f.ask("browsingContext.captureScreenshot", map[string]any{"context": f.page, "origin": "document"}, &shot)
		return shot.Data, err
	})
}
