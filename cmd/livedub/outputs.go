package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/broadcast/push"
	"livedub/internal/config"
	"livedub/internal/outbound"
	"livedub/signaling"
)

// outputs are what sessions are sent on to, in the words of the endpoints.
type outputs struct {
	*push.Pusher
	guard *outbound.Guard
}

// openOutputs returns what sends sessions on to the hosts that the settings allow.
func openOutputs(c config.Config, log *slog.Logger) (*outputs, error) {
	guard, err := outbound.New(c.Serve.PushHosts)
	if err != nil {
		return nil, fmt.Errorf("serve.push_hosts: %w", err)
	}
	network := push.Network{Dial: guard.Dial, Find: guard.Find}
	return &outputs{push.New(push.Config{Connect: network.Connect, Log: log}), guard}, nil
}

// Outputs is part of api.Outputs.
func (o *outputs) Outputs(id string) ([]signaling.OutputInfo, error) {
	if o == nil {
		return nil, nil
	}
	all, err := o.List(id)
	if err != nil {
		return nil, pushed(err)
	}
	var out []signaling.OutputInfo
	for _, s := range all {
		out = append(out, outputInfo(s))
	}
	return out, nil
}

// AddOutput is part of api.Outputs.
func (o *outputs) AddOutput(ctx context.Context, id, url string, langs []string) (signaling.OutputInfo, error) {
	a, err := push.ParseAddress(url)
	if err != nil {
		return signaling.OutputInfo{}, signaling.ErrBadRequest.Errorf("url: %v", err)
	}
	if err := o.guard.Host(a.Host()); err != nil {
		return signaling.OutputInfo{}, &signaling.Error{Kind: signaling.ErrBadRequest, Message: "url: this server does not send to that host", Hint: "name a public host, or have the operator list it in serve.push_hosts"}
	}
	s, err := o.Add(ctx, id, url, langs)
	return outputInfo(s), pushed(err)
}

// RemoveOutput is part of api.Outputs.
func (o *outputs) RemoveOutput(id, name string) error { return pushed(o.Remove(id, name)) }

func outputInfo(s push.Status) signaling.OutputInfo {
	return signaling.OutputInfo{
		ID: s.ID, URL: s.URL, Langs: s.Langs, State: string(s.State), Since: s.Since, Retries: s.Retries, LastError: s.LastError,
		Bytes: s.Bytes, Dropped: s.Dropped, Bitrate: s.Bitrate,
	}
}

// pushed says in the endpoints' words what the pusher said.
func pushed(err error) error {
	switch {
	case errors.Is(err, push.ErrNotFound):
		return signaling.ErrNotFound.Because(err)
	case errors.Is(err, push.ErrFull), errors.Is(err, push.ErrInvalid):
		return signaling.ErrBadRequest.Because(err)
	}
	return err
}

var (
	descOutputs      = prometheus.NewDesc("livedub_outputs", "Outputs of sessions to servers elsewhere, by state.", []string{"state"}, nil)
	descOutputBytes  = prometheus.NewDesc("livedub_output_bytes_total", "Bytes that were sent by outputs.", nil, nil)
	descOutputAgain  = prometheus.NewDesc("livedub_output_retries_total", "Connections of outputs after the first.", nil, nil)
	descOutputFrames = prometheus.NewDesc("livedub_output_dropped_frames_total", "Frames that outputs left out because the far end was too slow.", nil, nil)
)

// Describe is part of prometheus.Collector.
func (o *outputs) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descOutputs, descOutputBytes, descOutputAgain, descOutputFrames} {
		ch <- d
	}
}

// Collect is part of prometheus.Collector.
func (o *outputs) Collect(ch chan<- prometheus.Metric) {
	s := o.Stats()
	for state, n := range s.States {
		ch <- prometheus.MustNewConstMetric(descOutputs, prometheus.GaugeValue, float64(n), string(state))
	}
	for d, n := range map[*prometheus.Desc]uint64{descOutputBytes: s.Bytes, descOutputAgain: s.Retries, descOutputFrames: s.Dropped} {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
	}
}
