package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"
)

// logbook keeps what every program of every test wrote to its standard error, and what
// must not stand there. TestMain looks when all tests have run.
type logbook struct {
	mu      sync.Mutex
	logs    []*programLog
	secrets map[string]string // what they are, by their text
	spoken  map[string]bool   // three words in a row that somebody said
}

var allLogs = newLogbook()

func newLogbook() *logbook {
	return &logbook{secrets: map[string]string{}, spoken: map[string]bool{}}
}

// programLog is the log of one program.
type programLog struct {
	test string
	mu   sync.Mutex
	b    bytes.Buffer
}

func (l *programLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

// of returns what takes the log of a program with these arguments and environment, whose
// secrets it notes.
func (l *logbook) of(t testing.TB, args, env []string) io.Writer {
	for i, a := range args {
		name, value, joined := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if !joined && i+1 < len(args) {
			value = args[i+1]
		}
		if strings.HasPrefix(a, "--") {
			l.setting(name, value)
		}
	}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		if strings.HasPrefix(name, "LIVEDUB_") || strings.HasPrefix(name, "AWS_SECRET") {
			l.setting(name, value)
		}
	}
	p := &programLog{test: t.Name()}
	l.mu.Lock()
	l.logs = append(l.logs, p)
	l.mu.Unlock()
	return p
}

var secretName = regexp.MustCompile(`(?i)(secret|token|key|password|passphrase)$`)

// setting notes a setting that is a secret, and the password of one that is an address.
func (l *logbook) setting(name, value string) {
	if secretName.MatchString(name) {
		l.hush(name, value)
	}
	for _, one := range strings.Fields(value) {
		if u, err := url.Parse(one); err == nil && u.User != nil {
			password, _ := u.User.Password()
			l.hush("password in "+name, password)
		}
	}
}

// minSecret is how long a text must be to be told from others in a log.
const minSecret = 8

// hush notes a secret. What is short, or a word, is not: "secret" stands in many a log;
// nor is the name of a file that holds one.
func (l *logbook) hush(what, secret string) {
	word := !strings.ContainsFunc(secret, func(r rune) bool { return !unicode.IsLetter(r) })
	if len(secret) < minSecret || word || filepath.IsAbs(secret) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets[secret] = what
}

// said notes what somebody says in a test, or what it is dubbed to.
func (l *logbook) said(texts ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, text := range texts {
		w := wordsOf(text)
		for i := 0; i+3 <= len(w); i++ {
			l.spoken[strings.Join(w[i:i+3], " ")] = true
		}
	}
}

func wordsOf(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' })
}

// forbidden are forms of secrets and of spoken words that no test needs to name.
var forbidden = []struct {
	what string
	form *regexp.Regexp
}{
	{"a signed token", regexp.MustCompile(`eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}`)},
	{"a capability", regexp.MustCompile(`\b[pwc](-[a-z]{2,8})?\.[0-9a-z]{6,7}\.([A-Za-z0-9_-]{16}\.)?[A-Za-z0-9_-]{22}\b`)},
	{"a stream key", regexp.MustCompile(`ldk_[A-Za-z0-9_-]{20,}`)},
	{"an Authorization header", regexp.MustCompile(`(?i)\bauthorization\b["']?\s*[:=]|\b(bearer|basic) [A-Za-z0-9._~+/-]{8,}`)},
	{"a private key", regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY`)},
	{"a password in an address", regexp.MustCompile(`[a-z0-9+]://[^/\s:@"]*:[^/\s@"]+@`)},
	{"a word that was said or written", regexp.MustCompile(`\b(text|words?|said|spoken|heard|caption|transcript|translation|source_text|prompt|sentence)=("[^"]*[a-zA-Z][^"]*"|[a-zA-Z']\S*)`)},
	{"a word of the fake engines", regexp.MustCompile(`\b(es|ca):phrase\b|[="]phrase [0-9]+`)},
}

// allowed are lines that look like what is forbidden, and why they are not.
var allowed = []struct {
	line *regexp.Regexp
	why  string
}{
	{regexp.MustCompile(`msg="what is said in calls is kept, as text"`), "it tells the operator that words are kept, and none of them"},
	{regexp.MustCompile(`write it as redis://USER:PASSWORD@HOST`), "it tells how an address is written, and holds none"},
}

var notLetter = regexp.MustCompile(`[^A-Za-z]+`)

// faults returns what stands in a log that must not, one line each. They do not repeat it.
func (l *logbook) faults(log string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for n, line := range strings.Split(log, "\n") {
		if slices.ContainsFunc(allowed, func(a struct {
			line *regexp.Regexp
			why  string
		}) bool {
			return a.line.MatchString(line)
		}) {
			continue
		}
		add := func(what string) {
			_, msg, _ := strings.Cut(line, "msg=")
			msg = notLetter.ReplaceAllString(msg[:min(len(msg), 30)], " ") // a message is no secret; what follows it may be
			out = append(out, fmt.Sprintf("line %d (%s...) has %s", n+1, msg, what))
		}
		for _, f := range forbidden {
			if f.form.MatchString(line) {
				add(f.what)
			}
		}
		for secret, what := range l.secrets {
			if strings.Contains(line, secret) {
				add(what)
			}
		}
		w := wordsOf(line)
		for i := 0; i+3 <= len(w); i++ {
			if l.spoken[strings.Join(w[i:i+3], " ")] {
				add("three words in a row that were said")
				break
			}
		}
	}
	return out
}

// check returns the faults of all logs, after noting the keys that servers keep below dir.
func (l *logbook) check(dir string) (programs int, faults []string) {
	_ = filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".key") {
			if b, err := os.ReadFile(path); err == nil {
				l.hush("the key of "+filepath.Base(path), strings.TrimSpace(string(b)))
			}
		}
		return nil // a folder that cannot be read has no key of a server
	})
	for _, p := range l.logs {
		p.mu.Lock()
		log := p.b.String()
		p.mu.Unlock()
		for _, f := range l.faults(log) {
			faults = append(faults, p.test+": "+f)
		}
	}
	return len(l.logs), faults
}

// TestLogbook: each kind of secret is found, and what logs say else is not taken for one.
func TestLogbook(t *testing.T) {
	l := newLogbook()
	l.of(t, []string{"serve", "--admin-token", "operator-0123456789", "--access-key=access-0123456789", "--srt-passphrase", "correct-horse", "--tls-key", "/etc/livedub/key.pem", "--cluster-url", "redis://me:redis-pass-1@host:1"},
		[]string{"LIVEDUB_SPEAK_KEY=speak-0123456789", "AWS_SECRET_ACCESS_KEY=aws-0123456789", "LIVEDUB_RECOGNIZE_KEY=secret"})
	l.said("My brother has a red car.", "Mi hermano tiene un coche rojo.")
	for name, line := range map[string]string{
		"a flag's secret":       `msg=x err="refused operator-0123456789"`,
		"a passphrase":          `msg="no publisher" err="bad correct-horse"`,
		"another flag's":        `access-0123456789`,
		"an address's password": `msg=x why=redis-pass-1`,
		"an environment's":      `msg="speak-0123456789"`,
		"AWS's":                 `x=aws-0123456789`,
		"a signed token":        `path=/whep/x~eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln/es`,
		"a capability":          `path=/whep/talk~w-es.tft6o0.qYbWjcUOcpcQyPp1dq2SyA/es`,
		"a derived capability":  `path=/whep/talk~c.tft6o0.ABCDEFGHabcdefgh.qYbWjcUOcpcQyPp1dq2SyA`,
		"a stream key":          `msg="no such key" key=ldk_0123456789abcdefghijABCDEFGHIJ0123456789abc`,
		"a header":              `Authorization: Basic x`,
		"a header in a map":     `map[Authorization:[x]]`,
		"a bearer":              `got "Bearer abcdefgh12345"`,
		"a private key":         `-----BEGIN EC PRIVATE KEY-----`,
		"a password":            `err="dial postgres://me:hush@host/db"`,
		"what was said":         `msg="heard: my brother HAS a red car"`,
		"what it was dubbed to": `debug hermano tiene un coche`,
		"one word":              `level=DEBUG msg=heard word=car`,
		"a text":                `level=DEBUG msg=translated text="buenos dias"`,
		"a word of the fakes":   `level=DEBUG es:phrase es:1`,
		"a phrase of the fakes": `level=DEBUG got="phrase 12"`,
	} {
		if found := l.faults("time=1 level=INFO msg=serving\n" + line); len(found) == 0 || !strings.HasPrefix(found[0], "line 2") {
			t.Errorf("%s is not found: %q", name, found)
		} else if strings.Contains(strings.Join(found, ""), "0123456789") {
			t.Errorf("%s: the fault repeats the secret: %q", name, found)
		}
	}
	for _, line := range []string{
		`time=2026-11-28T01:00:00.000Z level=INFO msg=serving addr=127.0.0.1:8080 media_port=8443 version=v1.2.3-4-gabcdef0`,
		`level=INFO msg="session watched" audit=watched session=talk role=watch address=127.0.0.1 lang=es`,
		`level=DEBUG msg="token refused" why="access: expired"`,
		`level=INFO msg="peer connected" session=abcdefghijkl lang=es peer=abcdef`,
		`level=WARN msg="a phrase was cut" words=12 text_bytes=80`,
		`level=INFO msg="what is said in calls is kept, as text" where=files`,
		`level=WARN msg="others on this machine may read the server's key: chmod 600 the file" file=/x/access.key`,
		`level=INFO msg="read again" file=/etc/livedub/key.pem`,
		`level=INFO msg=joined addr=http://127.0.0.1:8080 cluster=dub`,
	} {
		if found := l.faults(line); len(found) > 0 {
			t.Errorf("%q: %q", line, found)
		}
	}
}

// TestDebugLogSaysNoWord dubs a film with the real engines at the level that tells most:
// TestMain finds in the log neither what was heard nor what it was dubbed to.
func TestDebugLogSaysNoWord(t *testing.T) {
	in, out := filepath.Join(t.TempDir(), "talk.mp4"), t.TempDir()
	talk(t, in)
	if r := livedub(t, "dub", in, "--to", "es", "-o", out, "--log-level", "debug"); r.code != 0 || !strings.Contains(r.stderr, "msg=engines") {
		t.Fatalf("exit %d, or no log: %.2000s", r.code, r.stderr)
	}
	if said := texts(readReport(t, out)); len(said) < 4 {
		t.Errorf("it heard nothing that a log could tell: %d texts", len(said))
	}
}
