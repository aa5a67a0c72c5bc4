package scaleout

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"
)

// Phase is a part of the way, which ends at a step.
type Phase struct {
	Step  Step    `json:"step"`
	Name  string  `json:"name"`
	AtS   float64 `json:"at_s"`   // since the load began
	TookS float64 `json:"took_s"` // since the phase before
	By    string  `json:"by"`     // whose time it is: "cloudwatch", "auto scaling", "ec2", "livedub"
	Real  bool    `json:"real"`   // false: a setting of a fake
}

// Report is what was measured.
type Report struct {
	Start      string   `json:"start"` // "cold", "warm"
	Group      Group    `json:"group"`
	Instance   string   `json:"instance"`
	Node       string   `json:"node"`
	Alarm      string   `json:"alarm"` // the first that went on
	Phases     []Phase  `json:"phases"`
	SessionS   float64  `json:"to_first_session_s"` // from the load
	SoundS     float64  `json:"to_first_sound_s"`
	DecisionS  float64  `json:"decision_to_session_s"` // from the group's decision: a start
	InServiceS *float64 `json:"in_service_s"`          // the hook is completed; null: not seen by the end
	FullS      *float64 `json:"full_s"`                // the first session was refused; null: none was
	Sessions   int      `json:"sessions"`              // wanted
	Refused    int      `json:"refused_tries"`         // until the new node had its first
	Waited     int      `json:"sessions_that_waited"`
	Launched   int      `json:"instances_launched"`
	Retries    int      `json:"aws_retries"` // requests that failed and were made again
	EveryS     float64  `json:"every_s"`     // how often AWS was looked at
	ScaleIn    *ScaleIn `json:"scale_in,omitempty"`
	Conditions []string `json:"conditions"`
}

// ScaleIn is how the group got smaller again, since the load ended.
type ScaleIn struct {
	DecidedS float64 `json:"decided_s"`
	GoneS    float64 `json:"gone_s"` // the instance is no longer in the group
}

func seconds(d time.Duration) float64 { return round(d.Seconds()) }

func round(s float64) float64 { return math.Round(s*100) / 100 }

// Print prints a report for people.
func (r Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "%s start: %.1f s from the load to the first session at the new node, %.1f s to its first dubbed sound\n", r.Start, r.SessionS, r.SoundS)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "phase\tat, s\ttook, s\tby\t")
	for _, p := range r.Phases {
		what := ""
		if !p.Real {
			what = "made up"
		}
		fmt.Fprintf(t, "%s\t%.1f\t%.1f\t%s\t%s\n", p.Name, p.AtS, p.TookS, p.By, what)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "from the group's decision to the session %.1f s", r.DecisionS)
	if r.InServiceS != nil {
		fmt.Fprintf(w, "; instance in service at %.1f s", *r.InServiceS)
	}
	if r.FullS != nil {
		fmt.Fprintf(w, "; fleet full at %.1f s, %d tries of %d sessions refused since", *r.FullS, r.Refused, r.Waited)
	}
	fmt.Fprintf(w, "\ninstance %s, node %s, alarm %s; AWS looked at every %g s", r.Instance, r.Node, r.Alarm, r.EveryS)
	if r.Retries > 0 {
		fmt.Fprintf(w, ", %d of its answers were errors", r.Retries)
	}
	fmt.Fprintln(w)
	if s := r.ScaleIn; s != nil {
		fmt.Fprintf(w, "scale-in: decided %.1f s after the load ended, instance gone at %.1f s\n", s.DecidedS, s.GoneS)
	}
	for _, c := range r.Conditions {
		fmt.Fprintf(w, "- %s\n", c)
	}
	return nil
}

// Print tells what would be done, and what it may cost.
func (p Plan) Print(w io.Writer, most time.Duration) error {
	g := p.Group
	from := "new"
	if g.Warm > 0 {
		from = fmt.Sprintf("stopped (%d wait in the warm pool)", g.Warm)
	}
	_, err := fmt.Fprintf(w, "group %s in %s, account %s: %d of %d to %d instances (%s), policies %v; %d nodes at the gateway\n"+
		"this puts %d sessions on the gateway until a new node serves one of them, for %v at most, then ends them; the group will start instances, by its own policies: %d at most, %s,\n"+
		"each paid by the second until the group scales in, as its policy says (a minute at least). Callers of others are refused meanwhile: the fleet is full. Nothing is changed at AWS by this program itself.\n",
		g.Name, g.Region, g.Account, g.Desired, g.Min, g.Max, g.Type, g.Policy, len(p.Nodes), p.Sessions, most, g.Max-g.Desired, from)
	return err
}
