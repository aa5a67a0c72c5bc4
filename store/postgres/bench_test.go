package postgres

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"livedub/internal/testkit/pgtest"
	"livedub/store"
	"livedub/store/spool"
)

// durable is what an installed server has, in place of what saves tests their time.
var durable = []string{"fsync=on", "full_page_writes=on", "autovacuum=on", "synchronous_commit=on", "shared_buffers=128MB", "max_wal_size=1GB"}

// BenchmarkJournal writes phrases into a real PostgreSQL that has each commit on disk
// before it answers. direct is from one writer and four, in batches; spool is what a call
// waits for, and how fast the spool then writes it to the database.
func BenchmarkJournal(b *testing.B) {
	s := pgtest.Start(b, durable...)
	url := s.URL(s.Database())
	if _, err := Migrate(b.Context(), Options{URL: url}); err != nil {
		b.Fatal(err)
	}
	j := opened(b, Options{URL: url})
	for _, rows := range []int{1, 64, 1000} {
		for _, count := range []int{1, 4} {
			b.Run(fmt.Sprintf("direct/rows=%d/writers=%d", rows, count), func(b *testing.B) { benchDirect(b, j, rows, count) })
		}
	}
	b.Run("again/rows=64/writers=1", func(b *testing.B) { // rows that are there
		first := said("again", 0, 64)
		for b.Loop() {
			if err := j.Write(b.Context(), first); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*64)/b.Elapsed().Seconds(), "phrases/s")
	})
	b.Run("spool", func(b *testing.B) { benchSpool(b, url) })
	b.Run("session", func(b *testing.B) { // of 5,000 phrases
		for i := range 5 {
			if err := j.Write(b.Context(), said("read", 1000*i, 1000)); err != nil {
				b.Fatal(err)
			}
		}
		for b.Loop() {
			if got, err := j.Session(b.Context(), "read"); err != nil || len(got.Phrases) != 5000 {
				b.Fatal(len(got.Phrases), err)
			}
		}
	})
}

// said returns phrases of a usual length.
func said(epoch string, from, n int) store.Batch {
	var b store.Batch
	zero, late := time.Duration(0), 40*time.Millisecond
	for i := range n {
		start := time.Duration(from+i) * 2 * time.Second
		b.Phrases = append(b.Phrases, store.Phrase{Epoch: epoch, Lang: "es", ID: from + i, SourceLang: "en", SourceText: "Good morning, and welcome to the third lecture of this course.",
			Text: "Buenos días, y bienvenidos a la tercera lección de este curso.", Start: start, End: start + 1800*time.Millisecond, DubStart: &zero, DubEnd: &start, Late: &late,
			Outcome: "played", Recognizer: "whisper-base", Translator: "apertium", Voice: "piper es_ES", Fence: 1})
	}
	return b
}

func benchDirect(b *testing.B, j *Journal, rows, count int) {
	var all sync.WaitGroup
	name := fmt.Sprintf("d%d-%d-%d", rows, count, b.N)
	b.ResetTimer()
	for w := range count {
		all.Go(func() {
			for i := w; i < b.N; i += count {
				if err := j.Write(b.Context(), said(fmt.Sprintf("%s-%d", name, w), i*rows, rows)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "phrases/s")
}

func benchSpool(b *testing.B, url string) {
	behind, err := Open(b.Context(), Options{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	j, err := spool.Open(spool.Config{Dir: b.TempDir(), To: behind})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	took := make([]time.Duration, 0, b.N)
	name := fmt.Sprint("s", b.N)
	b.ResetTimer()
	for i := range b.N {
		batch := said(name, i, 1)
		start := time.Now()
		if err := j.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	if err := j.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "phrases/s")
}
