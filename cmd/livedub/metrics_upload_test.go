package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/store"
	"livedub/store/files"
	"livedub/store/upload"
)

// TestUploadMetrics: what was sent, and what was lost because too much waited, is told.
func TestUploadMetrics(t *testing.T) {
	to, err := files.OpenObjects(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	dir := t.TempDir()
	u, err := upload.New(upload.Config{Dir: dir, Objects: held{to}, MaxBytes: 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "recordings/a/es/x"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"recordings/a/es/x/00000001.m4s", "recordings/a/es/x/00000002.m4s"} {
		if err := os.WriteFile(filepath.Join(dir, key), []byte("8 bytes!"), 0o600); err != nil {
			t.Fatal(err)
		}
		u.Add(key)
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(uploadMetrics{u})
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				name += " " + l.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	for name, want := range map[string]float64{
		"livedub_upload_spool_files": 1, "livedub_upload_spool_bytes": 8, "livedub_upload_files_total dropped": 1, "livedub_upload_files_total sent": 0,
		"livedub_upload_files_total refused": 0, "livedub_upload_bytes_total dropped": 8, "livedub_upload_bytes_total sent": 0, "livedub_upload_retries_total": 0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	if len(got) != 9 || got["livedub_upload_spool_oldest_seconds"] < 0 {
		t.Errorf("%v", got)
	}
	now, cancel := context.WithCancel(t.Context())
	cancel()
	if err := u.Close(now); err != nil {
		t.Error(err)
	}
}

// held keeps nothing until it is given up.
type held struct{ store.Objects }

func (held) Put(ctx context.Context, _, _ string, _ store.Type) error {
	<-ctx.Done()
	return ctx.Err()
}
