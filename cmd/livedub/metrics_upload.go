package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"livedub/store/upload"
)

var (
	descWaitFiles     = prometheus.NewDesc("livedub_upload_spool_files", "Files of recordings that wait for S3 or are under way.", nil, nil)
	descWaitBytes     = prometheus.NewDesc("livedub_upload_spool_bytes", "Their bytes; store.spool_mb bounds them.", nil, nil)
	descWaitOldest    = prometheus.NewDesc("livedub_upload_spool_oldest_seconds", "How long the oldest of them has waited.", nil, nil)
	descUploadFiles   = prometheus.NewDesc("livedub_upload_files_total", "Files of recordings by what became of them: sent; refused, which S3 can never keep and which stay in store.dir; dropped, segments that were lost because too much waited.", []string{"state"}, nil)
	descUploadBytes   = prometheus.NewDesc("livedub_upload_bytes_total", "Their bytes, sent or dropped.", []string{"state"}, nil)
	descUploadRetries = prometheus.NewDesc("livedub_upload_retries_total", "Tries to send or delete files that failed and are made again.", nil, nil)
)

// uploadMetrics tells what waits for S3, and what became of what did.
type uploadMetrics struct{ *upload.Uploader }

// Describe is part of prometheus.Collector.
func (m uploadMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descWaitFiles, descWaitBytes, descWaitOldest, descUploadFiles, descUploadBytes, descUploadRetries} {
		ch <- d
	}
}

// Collect is part of prometheus.Collector.
func (m uploadMetrics) Collect(ch chan<- prometheus.Metric) {
	s := m.Stats()
	metric := func(d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, kind, v, labels...)
	}
	metric(descWaitFiles, prometheus.GaugeValue, float64(s.Files))
	metric(descWaitBytes, prometheus.GaugeValue, float64(s.Bytes))
	metric(descWaitOldest, prometheus.GaugeValue, s.Oldest.Seconds())
	metric(descUploadFiles, prometheus.CounterValue, float64(s.SentFiles), "sent")
	metric(descUploadFiles, prometheus.CounterValue, float64(s.Refused), "refused")
	metric(descUploadFiles, prometheus.CounterValue, float64(s.Dropped), "dropped")
	metric(descUploadBytes, prometheus.CounterValue, float64(s.SentBytes), "sent")
	metric(descUploadBytes, prometheus.CounterValue, float64(s.DroppedBytes), "dropped")
	metric(descUploadRetries, prometheus.CounterValue, float64(s.Retries))
}
