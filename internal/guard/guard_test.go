package guard

import (
	"errors"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDo(t *testing.T) {
	if err := Do("nothing", func() error { return nil }); err != nil {
		t.Error(err)
	}
	want := errors.New("an error")
	if err := Do("a failure", func() error { return want }); !errors.Is(err, want) {
		t.Error(err)
	}
	err := Do("an index", func() error { return []error{}[len(t.Name())] })
	var p *Panic
	if !errors.As(err, &p) || p.In != "an index" || !strings.Contains(err.Error(), "out of range") || !strings.Contains(err.Error(), "guard_test.go") {
		t.Error(err)
	}
}
