package live

import (
	"maps"
	"slices"
	"time"

	"livedub/session/spec"

	"github.com/prometheus/client_golang/prometheus"
)

// totals is what the sessions that have ended did, and those that live added to it.
type totals struct {
	phrases  map[spec.Outcome]int
	frames   map[string]int
	failures map[string]int
	cpu      map[string]float64 // seconds
	steps    map[spec.Level]int
	dropped  map[string]int
	missed   map[string]int // terms, by language
	records  map[string]int // "taken", and of them "lost"
}

// newTotals has a zero for each fate, mouth and stage: of a counter that begins with
// its first failure, no rate tells that one.
func newTotals() totals {
	t := totals{map[spec.Outcome]int{}, map[string]int{}, map[string]int{}, map[string]float64{}, map[spec.Level]int{}, map[string]int{}, map[string]int{}, map[string]int{}}
	for _, fate := range []spec.Outcome{spec.Played, spec.SkippedFailed, spec.SkippedLate, spec.SkippedSame, spec.OwnVoice} {
		t.phrases[fate] = 0
	}
	for _, mouth := range []string{"own", "warp", "net", "untouched", "dropped"} {
		t.frames[mouth] = 0
	}
	for _, stage := range failing {
		t.failures[stage] = 0
	}
	return t
}

// failing are the stages whose failures are counted.
var failing = []string{
	"decode_audio", "decode_video", "encode_program", "encode_video", "face", "filter_video",
	"learn", "lips", "loudness", "mouths", "recognize", "resample", "shape", "sink", "speak", "translate",
}

func (t totals) clone() totals {
	return totals{maps.Clone(t.phrases), maps.Clone(t.frames), maps.Clone(t.failures), maps.Clone(t.cpu), maps.Clone(t.steps), maps.Clone(t.dropped), maps.Clone(t.missed), maps.Clone(t.records)}
}

// histograms are of what Observe is told.
type histograms struct {
	lag    *prometheus.HistogramVec
	late   prometheus.Histogram
	offset prometheus.Histogram
}

func newHistograms() histograms {
	return histograms{
		lag: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "livedub_stage_lag_seconds",
			Help:    "From when a stage's work was known until it was done, by stage.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"stage"}),
		late: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "livedub_dub_late_seconds",
			Help:    "How much later than its place a phrase's dub begins.",
			Buckets: []float64{0, .05, .1, .2, .3, .5, 1, 2.5, 5},
		}),
		offset: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "livedub_av_offset_seconds",
			Help:    "Audio's lateness less the frame's as they leave, of each frame; positive: audio is late.",
			Buckets: []float64{-.12, -.08, -.045, -.02, 0, .02, .045, .08, .12},
		}),
	}
}

func (h histograms) observe() spec.Observe {
	return spec.Observe{
		Lag:    func(stage string, lag time.Duration) { h.lag.WithLabelValues(stage).Observe(lag.Seconds()) },
		Late:   func(d time.Duration) { h.late.Observe(d.Seconds()) },
		Offset: func(d time.Duration) { h.offset.Observe(d.Seconds()) },
	}
}

func (t totals) add(c *Call, s spec.State) {
	records := c.Records().Stats()
	t.records["taken"] += int(records.Records)
	t.records["lost"] += records.Lost
	for stage, n := range s.Failures {
		t.failures[stage] += n
	}
	for stage, d := range s.CPU {
		t.cpu[stage] += d.Seconds()
	}
	for stage, st := range s.Stages {
		t.dropped[stage] += st.Dropped
	}
	if s.OwnVoice > 0 {
		t.phrases[spec.OwnVoice] += s.OwnVoice
	}
	for _, d := range slices.Concat(s.Dubs, s.Gone) {
		if d.Missed > 0 {
			t.missed[string(d.Lang)] += d.Missed
		}
		for fate, n := range d.Outcomes {
			t.phrases[fate] += n
		}
		for level, n := range d.Steps {
			t.steps[level] += n
		}
		f := d.Frames
		for name, n := range map[string]int{"own": f.Own, "warp": f.Warp, "net": f.Net, "untouched": f.Untouched, "dropped": f.Dropped} {
			t.frames[name] += n
		}
	}
}

var (
	descSessions = prometheus.NewDesc("livedub_sessions", "Sessions by phase.", []string{"phase"}, nil)
	descCapacity = prometheus.NewDesc("livedub_capacity", "Sessions this node can hold now.", nil, nil)
	descViewers  = prometheus.NewDesc("livedub_viewers", "Viewers of all dubs and originals.", nil, nil)
	descPhrases  = prometheus.NewDesc("livedub_phrases_total", "Phrases by what became of them, in every dub.", []string{"fate"}, nil)
	descFrames   = prometheus.NewDesc("livedub_frames_total", "Frames by how the mouth was made, or dropped.", []string{"mouth"}, nil)
	descFailures = prometheus.NewDesc("livedub_stage_failures_total", "Failures by stage.", []string{"stage"}, nil)
	descDropped  = prometheus.NewDesc("livedub_stage_dropped_total", "Pieces of work left out because a stage was too slow, by stage.", []string{"stage"}, nil)
	descMissed   = prometheus.NewDesc("livedub_terms_missed_total", "Terms of sessions' glossaries that translations lacked, by target language.", []string{"lang"}, nil)
	descCPU      = prometheus.NewDesc("livedub_stage_cpu_seconds_total", "CPU time by stage; engines in other processes are not in it.", []string{"stage"}, nil)
	descRecords  = prometheus.NewDesc("livedub_records_total", "Records of what happened in sessions.", nil, nil)
	descLost     = prometheus.NewDesc("livedub_records_lost_total", "Records that memory and disk had no room for.", nil, nil)
	descSpooled  = prometheus.NewDesc("livedub_records_spooled_bytes", "Records of the sessions that there are, on disk.", nil, nil)
	descSaves    = prometheus.NewDesc("livedub_checkpoint_parts_total", "Parts of sessions' checkpoints, kept or not.", []string{"state"}, nil)
	descSaved    = prometheus.NewDesc("livedub_checkpoint_bytes_total", "Bytes of checkpoints that were kept, before encryption.", nil, nil)
	descLoudness = prometheus.NewDesc("livedub_loudness_lu", "How far from its target the integrated loudness of a dub is, of the one that is farthest, by encode.", []string{"encode"}, nil)
	descTruePeak = prometheus.NewDesc("livedub_true_peak_dbtp", "The largest true peak of all dubs whose sound is leveled, by encode.", []string{"encode"}, nil)
	descSteps    = prometheus.NewDesc("livedub_ladder_steps_total", "Steps on the quality ladder by where they led.", []string{"level"}, nil)
)

// Describe is part of prometheus.Collector.
func (m *Manager) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect is part of prometheus.Collector.
func (m *Manager) Collect(ch chan<- prometheus.Metric) {
	phases := map[string]int{"new": 0, "live": 0, "idle": 0}
	viewers, spooled := 0, int64(0)
	loud := loudnesses{}
	m.mu.Lock()
	sum := m.ended.clone()
	calls := slices.Collect(maps.Values(m.sessions))
	capacity := m.capacity()
	m.mu.Unlock()
	for _, c := range calls {
		phases[c.Phase()]++
		s := c.State()
		sum.add(c, s)
		spooled += c.Records().Stats().Spooled
		for _, d := range s.Dubs {
			viewers += d.Viewers
			loud.add("live", d.Loudness.Live)
			loud.add("program", d.Loudness.Program)
		}
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	for phase, n := range phases {
		gauge(descSessions, float64(n), phase)
	}
	for encode, l := range loud {
		gauge(descLoudness, l.off, encode)
		gauge(descTruePeak, l.peak, encode)
	}
	gauge(descCapacity, float64(capacity))
	gauge(descViewers, float64(viewers))
	gauge(descSpooled, float64(spooled))
	counter(descSaves, float64(m.saves.parts.Load()), "kept")
	counter(descSaves, float64(m.saves.failed.Load()), "failed")
	counter(descSaved, float64(m.saves.bytes.Load()))
	counter(descRecords, float64(sum.records["taken"]))
	counter(descLost, float64(sum.records["lost"]))
	for k, v := range sum.phrases {
		counter(descPhrases, float64(v), string(k))
	}
	for k, v := range sum.frames {
		counter(descFrames, float64(v), k)
	}
	for k, v := range sum.failures {
		counter(descFailures, float64(v), k)
	}
	for k, v := range sum.cpu {
		counter(descCPU, v, k)
	}
	for k, v := range sum.dropped {
		counter(descDropped, float64(v), k)
	}
	for k, v := range sum.missed {
		counter(descMissed, float64(v), k)
	}
	m.seen.lag.Collect(ch)
	m.seen.late.Collect(ch)
	m.seen.offset.Collect(ch)
	for k, v := range sum.steps {
		counter(descSteps, float64(v), string(k))
	}
}
