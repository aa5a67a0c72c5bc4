package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/internal/config"
	"livedub/internal/stores"
	"livedub/recording"
	"livedub/session/journal"
	"livedub/session/live"
	"livedub/session/record"
	"livedub/session/spec"
	"livedub/signaling"
	"livedub/signaling/api"
	"livedub/store/mouths"
)

// kept is what the server keeps of its calls. Nil keeps nothing.
type kept struct {
	*stores.Stores
	journal  *journal.Journal
	recorder *recorder // nil where nothing is recorded
	library  *recording.Library
	mouths   *mouths.Shelf

	keepsMouths bool // of new calls too
	log         *slog.Logger
}

// openKept opens the stores that the settings name, and says what is kept there.
func openKept(ctx context.Context, c config.Config, d *calls, names spec.EngineNames, log *slog.Logger) (*kept, error) {
	s, err := stores.Open(ctx, c, log)
	if err != nil {
		if c.Serve.Store == "auto" && c.Serve.Record == "none" && c.Store.Dir == "" && c.Database.URL == "" && c.S3.Bucket == "" {
			log.Warn("nothing is kept of calls: the folder for it cannot be used", "err", err, "folder", "--store-dir", "keep_nothing", "--store none")
			return nil, nil //nolint:nilerr // who asked for nothing to be kept is served without
		}
		return nil, keptHint(err)
	}
	if s == nil {
		return nil, nil
	}
	how := "for ever"
	if c.Store.Keep > 0 {
		how = c.Store.Keep.String()
	}
	log.Info("what is said in calls is kept, as text", "where", s.Words, "how_long", how, "keep_nothing", "--store none")
	k := &kept{
		Stores: s, log: log, library: openLibrary(s, c, log),
		journal: journal.New(journal.Config{To: s.Journal, Node: c.Cluster.Node, Engines: names, Fence: d.fence, Log: log}),
	}
	k.mouths, k.keepsMouths = openShelf(s, c, log), c.Lips.Keep > 0
	if k.recorder, err = openRecorder(c, s, k.library, d, log); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Sweep()
	return k, nil
}

// openLibrary returns what shows and deletes what s keeps.
func openLibrary(s *stores.Stores, c config.Config, log *slog.Logger) *recording.Library {
	l := recording.NewLibrary(recording.LibraryConfig{
		Journal: s.Journal, Objects: s.Objects, Local: s.Dir, Erase: s.Erase, LinkLife: c.S3.LinkLifetime, Log: log,
	})
	s.OnErase(l.Remove)
	return l
}

// recordings are what the endpoint shows.
func (k *kept) recordings() api.Recordings {
	if k == nil {
		return nil
	}
	return k.library
}

// state tells of a session, by its epoch, whether it is recorded.
func (k *kept) state(epoch string) *signaling.RecordingState {
	if k == nil || k.recorder == nil {
		return nil
	}
	return new(signaling.RecordingState(k.recorder.State(epoch)))
}

// follow returns what follows every call, to keep it.
func (k *kept) follow() []func(*live.Call, *record.Reader) {
	if k == nil {
		return nil
	}
	out := []func(*live.Call, *record.Reader){k.journal.Follow}
	if k.recorder != nil {
		out = append(out, k.recorder.Follow)
	}
	return out
}

// erase erases what is kept of a session, now or as soon as its store answers.
func (k *kept) erase(ctx context.Context, epoch string) {
	if k == nil {
		return
	}
	if err := k.Erase(ctx, epoch); err != nil {
		k.log.Warn("a session that was to be erased is not yet", "epoch", epoch, "err", err)
	}
}

// Close ends the recorder and closes the stores, when all calls have ended.
func (k *kept) Close() {
	if k == nil {
		return
	}
	k.recorder.Close()
	k.mouths.Close()
	if err := k.Stores.Close(); err != nil {
		k.log.Error("what is kept may not be whole", "err", err)
	}
}

// fence returns that of a call's claim; outside of a cluster there is none.
func (c *calls) fence(call *live.Call) (fence int64, known bool) {
	if c.member == nil {
		return 0, true
	}
	fence = c.member.Fence(call.Spec.ID)
	return fence, fence > 0
}

// Erase ends a session and erases what is kept of it.
func (c *calls) Erase(ctx context.Context, id string) error {
	call, err := c.manager.Get(id)
	if err != nil {
		return refuse(err)
	}
	err = c.Delete(id)
	c.kept.erase(context.WithoutCancel(ctx), call.Epoch) // who asked may have left
	return err
}

var (
	descRows       = prometheus.NewDesc("livedub_journal_rows_total", "Rows of the journal that calls were written down in, counted at each write.", nil, nil)
	descRowsFailed = prometheus.NewDesc("livedub_journal_failures_total", "Tries to write to the journal that failed.", nil, nil)
	descRowsLost   = prometheus.NewDesc("livedub_journal_lost_total", "Rows and records of calls that are not in the journal.", nil, nil)
	descRowsLag    = prometheus.NewDesc("livedub_journal_lag_seconds", "How long the rows that have waited longest have waited to be written.", nil, nil)
	descSpooled    = prometheus.NewDesc("livedub_spool_batches", "Batches that wait on the disk for the journal behind.", nil, nil)
	descSpoolBytes = prometheus.NewDesc("livedub_spool_bytes", "Their size.", nil, nil)
	descSpoolAge   = prometheus.NewDesc("livedub_spool_oldest_seconds", "Since when the oldest of them waits.", nil, nil)
	descSpoolTotal = prometheus.NewDesc("livedub_spool_batches_total", "Batches by what became of them: shipped; set aside, as they can never be written; refused for want of room; damaged on the disk.", []string{"state"}, nil)
	descSpoolFails = prometheus.NewDesc("livedub_spool_failures_total", "Tries at which the journal behind did not take what waits.", nil, nil)
	descErasures   = prometheus.NewDesc("livedub_store_erasures_waiting", "Sessions that are to be erased and are not yet.", nil, nil)
)

// metrics are what is told of what is kept.
func (k *kept) metrics() []prometheus.Collector {
	if k == nil {
		return nil
	}
	out := []prometheus.Collector{k}
	if k.recorder != nil {
		out = append(out, k.recorder)
	}
	if k.Upload != nil {
		out = append(out, uploadMetrics{k.Upload})
	}
	return append(out, shelfMetrics{k.mouths})
}

// Describe is part of prometheus.Collector.
func (k *kept) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRows, descRowsFailed, descRowsLost, descRowsLag, descSpooled, descSpoolBytes, descSpoolAge, descSpoolTotal, descSpoolFails, descErasures} {
		ch <- d
	}
}

// Collect is part of prometheus.Collector.
func (k *kept) Collect(ch chan<- prometheus.Metric) {
	counter := func(d *prometheus.Desc, n int, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	gauge := func(d *prometheus.Desc, v float64) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v)
	}
	j := k.journal.Stats()
	counter(descRows, j.Rows)
	counter(descRowsFailed, j.Failures)
	counter(descRowsLost, j.Lost)
	gauge(descRowsLag, j.Lag.Seconds())
	gauge(descErasures, float64(k.Waiting()))
	if k.Spool == nil {
		return
	}
	s := k.Spool.Stats()
	gauge(descSpooled, float64(s.Batches))
	gauge(descSpoolBytes, float64(s.Bytes))
	gauge(descSpoolAge, s.Oldest.Seconds())
	for state, n := range map[string]int{"shipped": s.Shipped, "aside": s.Aside, "refused": s.Refused, "damaged": s.Damaged} {
		counter(descSpoolTotal, n, state)
	}
	counter(descSpoolFails, s.Failures)
}
