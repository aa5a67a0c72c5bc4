package config

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "rewrite deploy/livedub.yaml")

const sample = "../../deploy/livedub.yaml"

// load resolves a file (none if yaml is empty), variables and flags.
func load(t *testing.T, yaml string, env, args []string, sections ...string) (Config, error) {
	t.Helper()
	fs := pflag.NewFlagSet("test", pflag.ContinueOnError)
	b := Bind(fs, sections...)
	if yaml != "" {
		f := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(f, []byte(yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append([]string{"--config", f}, args...)
	}
	if err := fs.Parse(args); err != nil {
		return Config{}, err
	}
	return b.Resolve(env)
}

func TestSampleFileIsTheDefaults(t *testing.T) {
	var b bytes.Buffer
	if err := Default().WriteYAML(&b); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(sample, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(file, b.Bytes()) {
		t.Errorf("deploy/livedub.yaml is not the defaults: go test ./internal/config -update")
	}
	c := Config{}
	if err := readYAML(file, table(&c)); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(c, Default()) {
		t.Errorf("the sample file reads as %+v\nwant %+v", c, Default())
	}
}

func TestEveryFieldIsInTheTable(t *testing.T) {
	var c Config
	fields := 0
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		fields += v.Field(i).NumField()
	}
	opts := table(&c)
	if fields != len(opts) {
		t.Errorf("Config has %d fields, the table %d lines", fields, len(opts))
	}
	seen := map[string]bool{}
	for _, o := range opts {
		for _, n := range []string{o.key, "--" + o.flag(), o.variable()} {
			if seen[n] {
				t.Errorf("%s stands twice", n)
			}
			seen[n] = true
		}
	}
}

func TestOrder(t *testing.T) {
	const file = "serve: {listen: 'file:1', drain: 1m}\nsession: {profile: live}\n"
	env := []string{"LIVEDUB_SERVE_LISTEN=env:2", "LIVEDUB_SERVE_DRAIN=300ms", "LIVEDUB_LOG_LEVEL="}
	c, err := load(t, file, env, []string{"--listen", "flag:3"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Serve.Listen != "flag:3" {
		t.Errorf("listen %q: want the flag's", c.Serve.Listen)
	}
	if c.Serve.Drain != 300*time.Millisecond {
		t.Errorf("drain %v: want the variable's", c.Serve.Drain)
	}
	if c.Session.Profile != "live" {
		t.Errorf("profile %q: want the file's", c.Session.Profile)
	}
	if c.Log.Level != "info" {
		t.Errorf("level %q: want the default under an empty variable", c.Log.Level)
	}
}

func TestSwitches(t *testing.T) {
	for how, load := range map[string]func() (Config, error){
		"file":     func() (Config, error) { return load(t, "onnx: {allow_fallback: true}", nil, nil) },
		"variable": func() (Config, error) { return load(t, "", []string{"LIVEDUB_ONNX_ALLOW_FALLBACK=true"}, nil) },
		"flag":     func() (Config, error) { return load(t, "", nil, []string{"--onnx-allow-fallback", "--onnx-device=1"}) },
		"flag over file": func() (Config, error) {
			return load(t, "onnx: {allow_fallback: false}", nil, []string{"--onnx-allow-fallback=true"})
		},
	} {
		if c, err := load(); err != nil || !c.ONNX.AllowFallback {
			t.Errorf("%s: %v, %v", how, c.ONNX.AllowFallback, err)
		}
	}
	for _, file := range []string{"onnx: {allow_fallback: 1}", "onnx: {allow_fallback: 'true'}", "onnx: {allow_fallback: maybe}"} {
		if _, err := load(t, file, nil, nil); err == nil || !strings.Contains(err.Error(), "true or false") {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, err := load(t, "", []string{"LIVEDUB_ONNX_ALLOW_FALLBACK=yes"}, nil); err == nil {
		t.Error("yes is taken")
	}
}

func TestICEServers(t *testing.T) {
	want := []ICEServer{{URL: "stun:stun.example.net:3478"}, {URL: "turns:[2001:db8::1]:443?transport=tcp", Secret: "a@b +%/é"}}
	const stun, turn = "stun:stun.example.net:3478", "turns:a%40b%20+%25/é@[2001:db8::1]:443?transport=tcp"
	for how, load := range map[string]func() (Config, error){
		"file": func() (Config, error) {
			return load(t, "serve:\n  ice_servers:\n    - "+stun+"\n    - '"+turn+"'\n", nil, nil)
		},
		"variable": func() (Config, error) {
			return load(t, "", []string{"LIVEDUB_SERVE_ICE_SERVERS=" + stun + " " + turn}, nil)
		},
		"flags": func() (Config, error) {
			return load(t, "serve: {ice_servers: ['stun:other']}", nil, []string{"--ice-server", stun, "--ice-server", turn})
		},
	} {
		c, err := load()
		if err != nil || !reflect.DeepEqual(c.Serve.ICEServers, want) {
			t.Errorf("%s: %+v, %v", how, c.Serve.ICEServers, err)
		}
		c.Serve.ICEServers = c.Serve.ICEServers[:1] // the other's secret is not written: TestSecretsAreNotPrinted
		var b bytes.Buffer
		if err := c.WriteYAML(&b); err != nil {
			t.Fatal(err)
		}
		again := Default()
		if err := readYAML(b.Bytes(), table(&again)); err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("%s: written and read again: %+v, %v", how, again.Serve.ICEServers, err)
		}
	}
}

func TestHosts(t *testing.T) {
	c, err := load(t, "", nil, []string{"--host", "live.example", "--host", "2001:db8::1", "--host", "*"})
	if want := []string{"live.example", "2001:db8::1", "*"}; err != nil || !reflect.DeepEqual(c.Serve.Hosts, want) {
		t.Errorf("%q, %v", c.Serve.Hosts, err)
	}
}

func TestFlagSaysTheDefaultOverTheFile(t *testing.T) {
	c, err := load(t, "session: {profile: live}", nil, []string{"--profile", "sync"})
	if err != nil || c.Session.Profile != "sync" {
		t.Errorf("profile %q, %v: want sync", c.Session.Profile, err)
	}
}

func TestConfigVariable(t *testing.T) {
	f := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(f, []byte("speak: {workers: 7}"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := load(t, "", []string{"LIVEDUB_CONFIG=" + f}, nil)
	if err != nil || c.Speak.Workers != 7 {
		t.Errorf("workers %d, %v: want 7", c.Speak.Workers, err)
	}
}

func TestSections(t *testing.T) {
	if _, err := load(t, "", nil, []string{"--listen", "x:1"}, "session", "log"); err == nil {
		t.Error("--listen is taken where section serve is not bound")
	}
	c, err := load(t, "serve: {listen: 'file:1'}", nil, []string{"--delay-ms", "2500"}, "session", "log")
	if err != nil || c.Serve.Listen != "file:1" || c.Session.DelayMS != 2500 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestErrors holds the wording: each names the key, its place and what would be right.
func TestErrors(t *testing.T) {
	for _, tt := range []struct{ name, yaml, env, arg, want string }{
		{"misspelt", "# c\n\nserve:\n  lisen: x:1", "", "", "serve.lisen (line 4): unknown; did you mean serve.listen?"},
		{"swapped", "sessoin:\n  profile: live", "", "", "sessoin (line 1): unknown; did you mean session?"},
		{"wrong section", "session:\n  listen: x:1", "", "", "session.listen (line 2): unknown; did you mean serve.listen?"},
		{"no section", "listen: x:1", "", "", "listen (line 1): unknown; did you mean serve.listen?"},
		{"too deep", "serve:\n  listen:\n    host: x", "", "", "serve.listen (line 3): want a text, got a section"},
		{"section is text", "serve: yes", "", "", "serve (line 1): is a section, want keys below it"},
		{"list", "serve: [1]", "", "", "serve (line 1): is a section"},
		{"root list", "- serve", "", "", "line 1: want sections"},
		{"twice", "speak:\n  workers: 1\n  workers: 2", "", "", "speak.workers (line 3): already given on line 2"},
		{"section twice", "speak:\n  workers: 1\nspeak:\n  workers: 2", "", "", "speak (line 3): already given on line 1"},
		{"type", "speak:\n  workers: two", "", "", `speak.workers (line 2): want a whole number, got "two"`},
		{"fraction", "speak:\n  workers: 1.5", "", "", `speak.workers (line 2): want a whole number, got "1.5"`},
		{"number for text", "recognize:\n  model_dir: 5", "", "", `recognize.model_dir (line 2): want a text, got "5"`},
		{"duration", "serve:\n  drain: 10", "", "", `serve.drain (line 2): want a duration like 4s or 300ms, got "10"`},
		{"range", "session:\n  background_gain: 3", "", "", "session.background_gain (line 2): 3 is outside 0..1"},
		{"not a number", "session:\n  background_gain: .nan", "", "", "session.background_gain (line 2): \".nan\" is not a number in 0..1"},
		{"choice", "session:\n  profile: fast", "", "", `session.profile (line 2): "fast" is not one of sync, live`},
		{"null", "serve:\n  listen:", "", "", "serve.listen (line 2): has no value"},
		{"alias", "serve: &a {listen: 'x:1'}\nsession: *a", "", "", "session (line 2): is a section"},
		{"merge", "serve:\n  <<: {listen: 'x:1'}", "", "", "line 2: want a plain key"},
		{"documents", "serve: {}\n---\nserve: {}", "", "", "more than one document"},
		{"no YAML", "serve: {", "", "", "line 1"},
		{"port", "serve: {listen: 'x:70000'}", "", "", "port is outside 0..65535"},
		{"variable", "", "LIVEDUB_SPEAK_WORKERS=0", "", "speak.workers (LIVEDUB_SPEAK_WORKERS): 0 is outside 1..64"},
		{"misspelt variable", "", "LIVEDUB_SERVE_LISTN=x:1", "", "LIVEDUB_SERVE_LISTN: unknown; did you mean LIVEDUB_SERVE_LISTEN?"},
		{"flag", "", "", "--background-gain=2", "2 is outside 0..1"},
		{"no file", "", "", "--config=/nowhere/c.yaml", "/nowhere/c.yaml"},
		{"text for list", "serve:\n  ice_servers: 'stun:a'", "", "", `serve.ice_servers (line 2): want a list of texts, got "stun:a"`},
		{"two in one", "serve:\n  ice_servers: ['stun:a stun:b']", "", "", `serve.ice_servers (line 2): want a list of texts, got "stun:a stun:b"`},
		{"no ICE server", "", "", "--ice-server=https://example.net", `"https://example.net" is no ICE server: write stun:HOST[:PORT] or turn:SECRET@HOST`},
		{"TURN without secret", "", "LIVEDUB_SERVE_ICE_SERVERS=stun:a turn:b", "", `(LIVEDUB_SERVE_ICE_SERVERS): "turn:b": a TURN server needs a secret`},
		{"STUN with user", "", "", "--ice-server=stun:u:s@a", `"a": a TURN server needs`},
		{"ICE port", "", "", "--ice-server=stun:a:99999", "port is outside 1..65535"},
		{"short key", "", "LIVEDUB_ACCESS_KEY=topsecret", "", "access.key (LIVEDUB_ACCESS_KEY): has 9 characters, at least 32 are needed"},
		{"token with a space", "admin:\n  token: '0123456789abcdef 0123456789abcdef'", "", "", "admin.token (line 2): holds a space"},
		{"admin port", "", "", "--admin-listen=9090", "is not HOST:PORT"},
		{"host with a port", "serve:\n  hosts: ['live.example:443']", "", "", `serve.hosts (line 2): "live.example:443" is no host`},
		{"host with a scheme", "", "", "--host=https://live.example", "is no host: write a name or an IP address"},
		{"TURN with fixed user", "", "", "--ice-server=turn:u:s@a", "use-auth-secret"},
		{"no network", "", "", "--trusted-proxy=10.0.0.0/99", "is no network"},
		{"secret with a line", "", "", "--ice-server=turn:s%0d%0a@a", "no text"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var args []string
			if tt.arg != "" {
				args = []string{tt.arg}
			}
			_, err := load(t, tt.yaml, []string{tt.env}, args)
			if err == nil {
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
			if strings.Contains(err.Error(), "topsecret") {
				t.Errorf("repeats the secret: %v", err)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %q", err)
			}
		})
	}
}

func TestForeignVariablesPass(t *testing.T) {
	env := []string{"LIVEDUB_PORT=tcp://10.0.0.1:80", "LIVEDUB_SERVICE_HOST=10.0.0.1", "PATH=/bin", "odd"}
	if _, err := load(t, "", env, nil); err != nil {
		t.Error(err)
	}
}

func TestEmptyFilesAreDefaults(t *testing.T) {
	for _, yaml := range []string{"\n", "# nothing\n", "---\n", "serve:\n  # listen: x:1\n"} {
		if c, err := load(t, yaml, nil, nil); err != nil || !reflect.DeepEqual(c, Default()) {
			t.Errorf("%q: %v", yaml, err)
		}
	}
}

func TestLargeFileIsRefused(t *testing.T) {
	if _, err := load(t, strings.Repeat("#\n", maxFile), nil, nil); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("got %v", err)
	}
}

// TestOperationsListsEverySetting keeps the table for people complete.
// TestRecipes: the settings of the documentation's recipe are settings, and both languages have the same.
func TestRecipes(t *testing.T) {
	var first string
	for _, path := range []string{"../../docs/OPERATIONS.md", "../../README.ko.md"} {
		doc, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, recipe, ok := strings.Cut(string(doc), "    # ko-en.yaml:")
		recipe, _, end := strings.Cut(recipe, "\n\n")
		if !ok || !end {
			t.Fatalf("%s has no recipe", path)
		}
		if first == "" {
			first = recipe
		}
		if recipe != first {
			t.Errorf("%s has another recipe than OPERATIONS.md:\n%s", path, recipe)
		}
		_, recipe, _ = strings.Cut(recipe, "\n") // the rest of its comment
		c, err := load(t, strings.ReplaceAll("\n"+recipe, "\n    ", "\n"), nil, nil)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if c.Translate.Engine != "openai" || c.Speak.Model == "" || !slices.Equal(c.Recognize.Languages, []string{"ko", "en"}) || c.Session.Engines != "custom" {
			t.Errorf("%s: %+v", path, c)
		}
	}
}

func TestOperationsListsEverySetting(t *testing.T) {
	doc, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	c := Default()
	opts := table(&c)
	for _, o := range opts {
		value, err := scalar(o.kind, o.get())
		if err != nil {
			t.Fatal(err)
		}
		line := "| `" + o.key + "` | `--" + o.flag() + "` | `" + value + "` | " + o.usage() + " |\n"
		if !bytes.Contains(doc, []byte(line)) {
			t.Errorf("docs/OPERATIONS.md lacks the line\n%s", line)
		}
	}
}

func TestMetricNamespace(t *testing.T) {
	for name, good := range map[string]bool{"DeepLearning": true, "a/b-c_d.e#f:1": true, "": false, "AWS/EC2": false, ":a": false, "Deep Learning": false, "딥러닝": false, strings.Repeat("x", 256): false} {
		if err := metricNamespace(name); (err == nil) != good {
			t.Errorf("%.20q: %v", name, err)
		}
	}
}
