package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/internal/cli"
	"livedub/internal/config"
	"livedub/internal/stores"
	"livedub/recording"
)

// recorder records calls as serve.record has it. Nil where nothing is recorded.
type recorder struct{ *recording.Recorder }

// checkRecord refuses to record where nothing is to be kept.
func checkRecord(c config.Config) error {
	if c.Serve.Record != "none" && c.Serve.Store == "none" {
		return cli.Usagef("serve: --record %s with --store none: there is nowhere to keep a recording: choose --store auto, or --record none", c.Serve.Record)
	}
	return nil
}

// recorded says what is recorded of every session, "" for nothing.
func recorded(c config.Config) string {
	if c.Serve.Record == "none" {
		return ""
	}
	return c.Serve.Record
}

// openRecorder opens the recorder that the settings ask for, which keeps what it records
// in s; nil for none. The caller closes it when all calls have ended, and s after it.
func openRecorder(c config.Config, s *stores.Stores, library *recording.Library, calls *calls, log *slog.Logger) (*recorder, error) {
	if c.Serve.Record == "none" {
		return nil, nil
	}
	if err := s.Send(); err != nil {
		return nil, err
	}
	cfg := recording.Config{
		Dir: s.Dir, Original: c.Serve.Record == "all", Journal: s.Journal, Objects: s.Objects, Engines: engineNames(calls.engines.Names), Log: log,
	}
	if s.Upload != nil {
		cfg.Upload = s.Upload
		cfg.Erased = func(ctx context.Context, id string) error {
			return errors.Join(s.Upload.Forget(ctx, recording.Dir(id)), library.Remove(ctx, id))
		}
	}
	if c.Cluster.URL != "" {
		cfg.Node, cfg.Fence, cfg.Elsewhere = c.Cluster.Node, calls.held, calls.elsewhere
	}
	r, err := recording.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("store.dir: %w", err)
	}
	if s.Upload != nil {
		s.Upload.OnFull(r.Refused)
	}
	s.OnErase(r.Stop)
	log.Info("calls are recorded, as far as their speakers agree to it", "what", c.Serve.Record, "where", s.Recordings)
	return &recorder{r}, nil
}

// Close ends the recorder.
func (r *recorder) Close() {
	if r != nil {
		r.Recorder.Close()
	}
}

// held returns the fence of a session's claim, 0 where this node has none.
func (c *calls) held(session string) int64 {
	if c.member == nil {
		return 0
	}
	return c.member.Fence(session)
}

// errNotJoined is why it cannot be told where a session is.
var errNotJoined = errors.New("this node has not joined its cluster yet")

// elsewhere tells whether another node has a session, or may take it.
func (c *calls) elsewhere(ctx context.Context, session string) (bool, error) {
	if c.member == nil {
		return false, errNotJoined
	}
	return c.member.Elsewhere(ctx, session)
}

var (
	descRecBytes    = prometheus.NewDesc("livedub_recording_bytes_total", "Bytes of segments that were recorded.", nil, nil)
	descRecSegments = prometheus.NewDesc("livedub_recording_segments_total", "Segments by what became of them: written, or dropped because the disk was full or too slow.", []string{"state"}, nil)
	descRecFailures = prometheus.NewDesc("livedub_recording_failures_total", "What failed in recording, by what: write, row (of the journal), attach (to a dub), finish.", []string{"of"}, nil)
	descRecordings  = prometheus.NewDesc("livedub_recordings", "Recordings by state: growing, or finishing when the call is over.", []string{"state"}, nil)
)

// Describe is part of prometheus.Collector.
func (r *recorder) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descRecBytes, descRecSegments, descRecFailures, descRecordings} {
		ch <- d
	}
}

// Collect is part of prometheus.Collector.
func (r *recorder) Collect(ch chan<- prometheus.Metric) {
	s := r.Stats()
	counter := func(d *prometheus.Desc, n float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, n, labels...)
	}
	counter(descRecBytes, float64(s.Bytes))
	counter(descRecSegments, float64(s.Segments), "written")
	counter(descRecSegments, float64(s.Dropped), "dropped")
	for of, n := range s.Failures {
		counter(descRecFailures, float64(n), of)
	}
	ch <- prometheus.MustNewConstMetric(descRecordings, prometheus.GaugeValue, float64(s.Growing), "growing")
	ch <- prometheus.MustNewConstMetric(descRecordings, prometheus.GaugeValue, float64(s.Waiting), "finishing")
}
