package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"livedub/media"
	"livedub/media/rtc"
)

var (
	descRTPIn     = prometheus.NewDesc("livedub_rtp_in_packets_total", "RTP packets of publishers by state: received; of those that were missing, asked for again (nacked), recovered, lost; late are those that came twice, or too late.", []string{"state"}, nil)
	descUnitsIn   = prometheus.NewDesc("livedub_access_units_in_total", "Access units of publishers, audio and video, received whole or dropped.", []string{"state"}, nil)
	descKeysIn    = prometheus.NewDesc("livedub_keyframes_requested_total", "Keyframes that publishers were asked for.", nil, nil)
	descJumps     = prometheus.NewDesc("livedub_clock_jumps_total", "Jumps of publishers' clocks.", nil, nil)
	descRTPOut    = prometheus.NewDesc("livedub_rtp_out_packets_total", "RTP packets sent to viewers.", nil, nil)
	descUnitsOut  = prometheus.NewDesc("livedub_access_units_out_total", "Access units for viewers, audio and video, sent or dropped.", []string{"state"}, nil)
	descKeysOut   = prometheus.NewDesc("livedub_keyframe_requests_total", "Keyframes that viewers asked for.", nil, nil)
	descHeld      = prometheus.NewDesc("livedub_frames_held", "Decoded frames in memory.", nil, nil)
	descEngineCPU = prometheus.NewDesc("livedub_engine_cpu_seconds_total", "CPU time of the engines' own processes, by stage.", []string{"stage"}, nil)
	descRefused   = prometheus.NewDesc("livedub_recognizer_refused_units_total", "Units of speech whose text was not believed: invented over noise, going round in circles, or a guess.", nil, nil)
	descLacking   = prometheus.NewDesc("livedub_voice_lacking_symbols_total", "Symbols of pronunciation that a voice did not know and left out.", nil, nil)
	descUnread    = prometheus.NewDesc("livedub_voice_unread_letters_total", "Letters of scripts that a voice does not read, left out.", nil, nil)
	descBytes     = prometheus.NewDesc("livedub_rtp_out_bytes_total", "Payload of RTP packets sent to viewers.", nil, nil)
)

// mediaMetrics tells what went through the media port.
type mediaMetrics struct{ host *rtc.Host }

// Describe is part of prometheus.Collector.
func (m mediaMetrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect is part of prometheus.Collector.
func (m mediaMetrics) Collect(ch chan<- prometheus.Metric) {
	t := m.host.Totals()
	counter := func(d *prometheus.Desc, n uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for state, n := range map[string]uint64{
		"received": t.In.Packets, "lost": t.In.Lost, "nacked": t.In.NACKs, "recovered": t.In.Recovered, "late": t.In.Late,
	} {
		counter(descRTPIn, n, state)
	}
	counter(descUnitsIn, t.In.Frames, "received")
	counter(descUnitsIn, t.In.Dropped, "dropped")
	counter(descKeysIn, t.In.PLIs)
	counter(descJumps, uint64(t.In.Jumps))
	counter(descRTPOut, t.Out.Packets)
	counter(descUnitsOut, t.Out.Frames, "sent")
	counter(descUnitsOut, t.Out.Dropped, "dropped")
	counter(descKeysOut, t.Out.Keyframes)
	counter(descBytes, t.Out.Bytes)
	ch <- prometheus.MustNewConstMetric(descHeld, prometheus.GaugeValue, float64(media.LiveFrames()))
}

// engineMetrics tells what the engines' processes use, and what engines left out.
type engineMetrics struct{ engines *engines }

// Describe is part of prometheus.Collector.
func (m engineMetrics) Describe(ch chan<- *prometheus.Desc) {
	ch <- descEngineCPU
	ch <- descRefused
	ch <- descLacking
	ch <- descUnread
}

// Collect is part of prometheus.Collector.
func (m engineMetrics) Collect(ch chan<- prometheus.Metric) {
	for stage, d := range m.engines.cpu() {
		ch <- prometheus.MustNewConstMetric(descEngineCPU, prometheus.CounterValue, d.Seconds(), stage)
	}
	ch <- prometheus.MustNewConstMetric(descRefused, prometheus.CounterValue, float64(m.engines.refused()))
	ch <- prometheus.MustNewConstMetric(descLacking, prometheus.CounterValue, float64(m.engines.lacking()))
	ch <- prometheus.MustNewConstMetric(descUnread, prometheus.CounterValue, float64(m.engines.unread()))
}
