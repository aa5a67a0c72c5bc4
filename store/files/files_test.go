package files

import (
	"testing"

	"livedub/store"
	"livedub/store/storetest"
)

func openJournal(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := OpenJournal(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func TestJournal(t *testing.T) {
	storetest.Journal(t, func(t *testing.T) store.Journal { return openJournal(t, t.TempDir()) })
}

func TestObjects(t *testing.T) {
	storetest.Objects(t, func(t *testing.T) store.Objects {
		o, err := OpenObjects(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return o
	})
}
