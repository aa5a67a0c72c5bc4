// Package fleet simulates a fleet of nodes under an Auto Scaling group, call by call, to compare scaling
// policies: who finds no place, who waits, and what it costs.
package fleet

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"time"
)

//go:embed frozen.json
var frozen []byte

// Frozen is what was fixed before any policy was tuned; frozen.json says where each figure is from.
type Frozen struct {
	Frozen        string            `json:"frozen"`
	Notes         map[string]string `json:"notes"`
	Node          Node              `json:"node"`
	Group         GroupSize         `json:"group"`
	SampleS       int               `json:"sample_s"`
	PublishDelayS int               `json:"publish_delay_s"`
	Boot          Boots             `json:"boot"`
	Call          Call              `json:"call"`
	Seeds         []uint64          `json:"seeds"`
	Training      []Trace           `json:"training"`
	HeldOut       []Trace           `json:"held_out"`
	HeldOutSeeds  []uint64          `json:"held_out_seeds"`
	Erlang        Fixed             `json:"erlang"`
}

// Node is what one node carries, reports and costs.
type Node struct {
	Places              int     `json:"places"`
	CPUBasePct          float64 `json:"cpu_base_pct"`
	CPUSessionPct       float64 `json:"cpu_session_pct"`
	GPUMemoryBasePct    float64 `json:"gpu_memory_base_pct"`
	GPUMemorySessionPct float64 `json:"gpu_memory_session_pct"`
	USDHour             float64 `json:"usd_hour"`
	DiskGB              float64 `json:"disk_gb"`
	USDGBMonth          float64 `json:"usd_gb_month"`
}

// GroupSize is the group's bounds.
type GroupSize struct {
	Min          int     `json:"min"`
	Max          int     `json:"max"`
	HookTimeoutS float64 `json:"hook_timeout_s"`
}

// Boot is how long the phases of a start take.
type Boot struct {
	LaunchS   float64 `json:"launch_s"`   // the request to EC2 until it runs
	BootS     float64 `json:"boot_s"`     // the system
	DriverS   float64 `json:"driver_s"`   // the GPU's
	EnginesS  float64 `json:"engines_s"`  // opened and warmed
	RegisterS float64 `json:"register_s"` // with the cluster
}

// Boots is how long starts and ends take.
type Boots struct {
	Cold   Boot    `json:"cold"`
	Warm   Boot    `json:"warm"` // from the warm pool
	StopS  float64 `json:"stop_s"`
	DrainS float64 `json:"drain_s"` // what a drain takes without sessions
	Jitter float64 `json:"jitter"`  // each is drawn within this share of its value
}

// Call is how callers behave.
type Call struct {
	MeanS       float64 `json:"mean_s"`
	RetryAfterS float64 `json:"retry_after_s"` // of the 503
	PatienceS   float64 `json:"patience_s"`    // how long one tries
	Pack        bool    `json:"pack"`          // onto the node that suffices; otherwise onto the emptiest
}

// Trace is the load over time: straight lines between points of seconds and erlangs.
type Trace struct {
	Name   string       `json:"name"`
	Goal   bool         `json:"goal"` // the goal is judged by it
	Points [][2]float64 `json:"points"`
}

// Fixed is the fleets of a fixed size that are compared with Erlang's formula.
type Fixed struct {
	Seed     uint64 `json:"seed"`
	Arrivals int    `json:"arrivals"`
	Fleets   []struct {
		Nodes   int     `json:"nodes"`
		Places  int     `json:"places"`
		Offered float64 `json:"offered"`
	} `json:"fleets"`
}

// Load returns what is frozen in this program.
func Load() (*Frozen, error) { return parse(frozen) }

// parse reads and checks a frozen file.
func parse(text []byte) (*Frozen, error) {
	f := new(Frozen)
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(f); err != nil {
		return nil, fmt.Errorf("frozen.json: %w: mend the file", err)
	}
	if f.Node.Places < 1 || f.Group.Min < 1 || f.Group.Max < f.Group.Min || f.SampleS < 1 || 60%f.SampleS != 0 || f.Call.MeanS <= 0 || f.Call.RetryAfterS <= 0 {
		return nil, fmt.Errorf("frozen.json: places, the group's bounds, sample_s (a part of 60) and the call's times must be over 0: mend the file")
	}
	for _, t := range append(append([]Trace{}, f.Training...), f.HeldOut...) {
		if len(t.Points) < 2 || t.Points[0][0] != 0 {
			return nil, fmt.Errorf("frozen.json: trace %q: give two points or more, the first at 0: mend the file", t.Name)
		}
		for i, p := range t.Points {
			if p[1] < 0 || i > 0 && p[0] <= t.Points[i-1][0] {
				return nil, fmt.Errorf("frozen.json: trace %q: point %d: times must rise, and loads not be negative: mend the file", t.Name, i)
			}
		}
	}
	return f, nil
}

// length is how long the trace lasts.
func (t Trace) length() time.Duration { return seconds(t.Points[len(t.Points)-1][0]) }

// at is the offered load at a time.
func (t Trace) at(s float64) float64 {
	for i := 1; i < len(t.Points); i++ {
		a, b := t.Points[i-1], t.Points[i]
		if s <= b[0] {
			return a[1] + (b[1]-a[1])*(s-a[0])/(b[0]-a[0])
		}
	}
	return t.Points[len(t.Points)-1][1]
}

// peak is the highest load.
func (t Trace) peak() float64 {
	high := 0.0
	for _, p := range t.Points {
		high = max(high, p[1])
	}
	return high
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Scale sets what a node carries, with loads and shares of its processor in proportion, how many times
// as long as frozen a start takes, and how many seeds are run.
func (f *Frozen) Scale(places int, boot float64, seeds int) {
	for _, b := range []*Boot{&f.Boot.Cold, &f.Boot.Warm} {
		*b = Boot{b.LaunchS * boot, b.BootS * boot, b.DriverS * boot, b.EnginesS * boot, b.RegisterS * boot}
	}
	by := float64(places) / float64(f.Node.Places)
	f.Node.Places = places
	f.Node.CPUSessionPct /= by
	f.Node.GPUMemorySessionPct /= by
	for _, traces := range [][]Trace{f.Training, f.HeldOut} {
		for _, t := range traces {
			for i := range t.Points {
				t.Points[i][1] *= by
			}
		}
	}
	f.Seeds, f.HeldOutSeeds = f.Seeds[:min(seeds, len(f.Seeds))], f.HeldOutSeeds[:min(seeds, len(f.HeldOutSeeds))]
}
