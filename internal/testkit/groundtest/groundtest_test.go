package groundtest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// outcome is how a test ended that used this package.
type outcome struct {
	testing.TB
	failed, skipped, logged string
}

func (o *outcome) Helper()           {}
func (o *outcome) Name() string      { return "TestThat" }
func (o *outcome) Fatal(args ...any) { o.Fatalf("%s", fmt.Sprint(args...)) }
func (o *outcome) Fatalf(format string, args ...any) {
	o.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
func (o *outcome) Skip(args ...any) {
	o.skipped = fmt.Sprint(args...)
	runtime.Goexit()
}
func (o *outcome) Logf(format string, args ...any) { o.logged += fmt.Sprintf(format, args...) }

// try runs f in a repository beside which ../shared holds these files, and returns how it ended and what was noted.
func try(t *testing.T, ci string, files []string, f func(t testing.TB)) (*outcome, string) {
	t.Helper()
	dir := t.TempDir()
	inside := filepath.Join(dir, "repository", "media", "file")
	if err := os.MkdirAll(inside, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range append([]string{"repository/go.mod"}, files...) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(inside)
	t.Setenv("CI", ci)
	notes := filepath.Join(dir, "notes")
	t.Setenv(NotTried, notes)
	o := &outcome{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(o)
	}()
	<-done
	noted, err := os.ReadFile(notes)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return o, string(noted)
}

func TestWhatIsThereIsFound(t *testing.T) {
	var all []string
	var one, other string
	var ok bool
	o, noted := try(t, "true", []string{"shared/clips/b.mpg", "shared/clips/a.mpg", "shared/models/net.onnx"}, func(t testing.TB) {
		all, one = SharedAll(t, "clips/*.mpg"), Shared(t, "models/net.onnx")
		other, ok = SharedOr(t, "clips/a.mpg", "nothing")
	})
	if o.failed+o.skipped+noted != "" || !ok {
		t.Fatalf("%+v, noted %q", o, noted)
	}
	for path, want := range map[string]string{all[0]: "clips/a.mpg", all[1]: "clips/b.mpg", one: "models/net.onnx", other: "clips/a.mpg"} {
		if !filepath.IsAbs(path) || !strings.HasSuffix(path, "/shared/"+want) {
			t.Errorf("%s, want ../shared/%s", path, want)
		}
	}
}

func TestWhatIsMissingIsTold(t *testing.T) {
	const line = "media/file TestThat: no ../shared/clips/*.mpg beside the repository\n"
	for name, f := range map[string]func(t testing.TB){
		"skipped": func(t testing.TB) { SharedAll(t, "clips/*.mpg") },
		"instead": func(t testing.TB) {
			if path, ok := SharedOr(t, "clips/*.mpg", "a drawn face"); ok {
				t.Fatal(path)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, noted := try(t, "", nil, f)
			switch {
			case o.failed != "":
				t.Error(o.failed)
			case name == "skipped" && (noted != line || !strings.HasPrefix(o.skipped, "SKIPPED: no ../shared/clips")):
				t.Errorf("skipped %q, noted %q", o.skipped, noted)
			case name == "instead" && (o.skipped != "" || !strings.HasSuffix(noted, "*.mpg: a drawn face\n") || !strings.Contains(o.logged, "a drawn face")):
				t.Errorf("skipped %q, logged %q, noted %q", o.skipped, o.logged, noted)
			}
			if o, noted := try(t, "true", nil, f); !strings.Contains(o.failed, "CI=true") || o.skipped+noted != "" {
				t.Errorf("in continuous integration: %+v, noted %q", o, noted)
			}
		})
	}
}

func TestNeedFailsInCI(t *testing.T) {
	f := func(t testing.TB) { Need(t, "no %s", "meter") }
	if o, noted := try(t, "", nil, f); o.failed != "" || o.skipped != "SKIPPED: no meter" || noted != "media/file TestThat: no meter\n" {
		t.Errorf("%+v, noted %q", o, noted)
	}
	if o, noted := try(t, "true", nil, f); !strings.HasPrefix(o.failed, "no meter") || o.skipped+noted != "" {
		t.Errorf("in continuous integration: %+v, noted %q", o, noted)
	}
}

func TestAProgramThatIsMissingIsSkippedAlsoInCI(t *testing.T) {
	o, noted := try(t, "true", nil, func(t testing.TB) { Skip(t, "no %s", "browser") })
	if o.failed != "" || o.skipped != "SKIPPED: no browser" || noted != "media/file TestThat: no browser\n" {
		t.Errorf("%+v, noted %q", o, noted)
	}
}
