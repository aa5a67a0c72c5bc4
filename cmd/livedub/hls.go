package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/broadcast"
	"livedub/inference"
	"livedub/internal/config"
	mediahls "livedub/media/hls"
	"livedub/signaling"
	"livedub/signaling/hls"
)

// liveNotice is what viewers of a dub have to be told.
const liveNotice = "AI dubbed: a machine translated what was said, made the voice and may have re-rendered the mouth."

// onAir is what players of HLS get of the calls. Nil where there is no HLS.
type onAir struct{ *broadcast.Broadcaster }

// openAir returns the broadcaster that the settings ask for, nil for none. The caller
// closes it when all calls have ended.
func openAir(c config.Config, log *slog.Logger) *onAir {
	if c.Serve.HLS == "off" {
		return nil
	}
	return &onAir{broadcast.New(broadcast.Config{Always: c.Serve.HLS == "always", Notice: liveNotice, Log: log})}
}

// Close forgets what is on the air.
func (a *onAir) Close() {
	if a != nil {
		a.Broadcaster.Close()
	}
}

// Session returns what rights depend on.
func (a *onAir) Session(id string) (signaling.Info, error) {
	p, err := a.Program(id)
	if err != nil {
		return signaling.Info{}, aired(err)
	}
	name, epoch := p.Session()
	return signaling.Info{ID: name, Epoch: epoch}, nil
}

// Multivariant is part of hls.Programs.
func (a *onAir) Multivariant(ctx context.Context, id string, only inference.Lang, sees func(inference.Lang) bool) (hls.File, error) {
	return a.file(id, func(p *broadcast.Program) (mediahls.File, error) {
		return p.Multivariant(ctx, string(only), func(lang string) bool { return sees(inference.Lang(lang)) })
	})
}

// Playlist is part of hls.Programs.
func (a *onAir) Playlist(ctx context.Context, id string, lang inference.Lang, track string, at *hls.Place) (hls.File, error) {
	return a.file(id, func(p *broadcast.Program) (mediahls.File, error) {
		return p.Playlist(ctx, string(lang), track, (*mediahls.Place)(at))
	})
}

// File is part of hls.Programs.
func (a *onAir) File(ctx context.Context, id string, lang inference.Lang, track, name string) (hls.File, error) {
	return a.file(id, func(p *broadcast.Program) (mediahls.File, error) { return p.File(ctx, string(lang), track, name) })
}

func (a *onAir) file(id string, read func(*broadcast.Program) (mediahls.File, error)) (hls.File, error) {
	p, err := a.Program(id)
	if err != nil {
		return hls.File{}, aired(err)
	}
	f, err := read(p)
	return hls.File(f), aired(err)
}

// aired says in the endpoint's words what the broadcaster said.
func aired(err error) error {
	switch {
	case errors.Is(err, broadcast.ErrNotFound):
		return &signaling.Error{Kind: signaling.ErrNotFound, Message: "no such file, or not anymore", Hint: "GET /hls/{session}/index.m3u8 and follow what it names"}
	case errors.Is(err, broadcast.ErrStarting):
		return &signaling.Error{Kind: signaling.ErrFull, Message: "nothing is to be seen or heard yet", Hint: "try again when Retry-After says: somebody has to speak", Retry: time.Second}
	case errors.Is(err, mediahls.ErrAhead):
		return signaling.ErrBadRequest.Because(err)
	}
	return err
}

var (
	descAir      = prometheus.NewDesc("livedub_hls_programs", "Sessions that players of HLS get now.", nil, nil)
	descAirBytes = prometheus.NewDesc("livedub_hls_bytes", "Bytes of media that are in memory for them.", nil, nil)
)

// Describe is part of prometheus.Collector.
func (a *onAir) Describe(ch chan<- *prometheus.Desc) {
	ch <- descAir
	ch <- descAirBytes
}

// Collect is part of prometheus.Collector.
func (a *onAir) Collect(ch chan<- prometheus.Metric) {
	s := a.Stats()
	ch <- prometheus.MustNewConstMetric(descAir, prometheus.GaugeValue, float64(s.Programs))
	ch <- prometheus.MustNewConstMetric(descAirBytes, prometheus.GaugeValue, float64(s.Bytes))
}
