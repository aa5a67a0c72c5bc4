package recordbench

import (
	"errors"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"livedub/internal/testkit/groundtest"
	"livedub/internal/testkit/pgproc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOutage: a database that is away for as long as LIVEDUB_OUTAGE says, or some
// seconds, costs no phrase.
func TestOutage(t *testing.T) {
	away := 3 * time.Second
	if s := os.Getenv("LIVEDUB_OUTAGE"); s != "" {
		var err error
		if away, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	o, err := Outage(t.Context(), away)
	if errors.Is(err, pgproc.ErrMissing) {
		groundtest.Need(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", o)
	if o.PhrasesLost != 0 || o.Phrases < rate || o.WaitingMB == 0 {
		t.Errorf("%+v", o)
	}
}
