// Package dashboards reads which metrics the dashboards and alert rules of
// deploy/grafana ask for, and finds those that a program's metrics lack.
package dashboards

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Selector is one place that asks for a metric.
type Selector struct {
	File, Name string
	Labels     []Label
}

// Label is what a selector wants of a label.
type Label struct{ Name, Op, Value string }

func (s Selector) String() string {
	var labels []string
	for _, l := range s.Labels {
		labels = append(labels, l.Name+l.Op+`"`+l.Value+`"`)
	}
	return fmt.Sprintf("%s{%s} of %s", s.Name, strings.Join(labels, ","), s.File)
}

var (
	selector = regexp.MustCompile(`\b(livedub_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
)

// Parse returns the selectors of an expression.
func Parse(file, expr string) (all []Selector) {
	for _, m := range selector.FindAllStringSubmatch(expr, -1) {
		s := Selector{File: file, Name: m[1]}
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			s.Labels = append(s.Labels, Label{l[1], l[2], l[3]})
		}
		all = append(all, s)
	}
	return all
}

// Expressions returns what the panels of a dashboard ask, and its variables.
func Expressions(dashboard []byte) ([]string, error) {
	var v any
	if err := json.Unmarshal(dashboard, &v); err != nil {
		return nil, err
	}
	var all []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range []string{"expr", "query"} {
				if s, ok := v[key].(string); ok {
					all = append(all, s)
				}
			}
			for _, v := range v {
				walk(v)
			}
		case []any:
			for _, v := range v {
				walk(v)
			}
		}
	}
	walk(v)
	return all, nil
}

// Read returns all selectors of the dashboards and rules below dir, which is deploy/grafana.
func Read(dir string) (boards, rules []Selector, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "dashboards", "*.json"))
	if err != nil {
		return nil, nil, err
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		exprs, err := Expressions(text)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, e := range exprs {
			boards = append(boards, Parse(filepath.Base(path), e)...)
		}
	}
	files, err = filepath.Glob(filepath.Join(dir, "rules", "*.yml"))
	if err != nil {
		return nil, nil, err
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		rules = append(rules, Parse(filepath.Base(path), string(text))...)
	}
	if len(boards) == 0 || len(rules) == 0 {
		return nil, nil, fmt.Errorf("%s: %d selectors in dashboards/*.json and %d in rules/*.yml: want some of each", dir, len(boards), len(rules))
	}
	return boards, rules, nil
}

// Missing returns the selectors that find nothing in metrics, in Prometheus's text
// form. What is compared by = must be there; of another comparison its label. Labels
// that Prometheus itself adds (job, instance) are not looked at.
func Missing(metrics string, all []Selector) (missing []Selector) {
	series := map[string][]string{}
	for line := range strings.Lines(metrics) {
		if name := selector.FindStringSubmatch(line); name != nil && strings.HasPrefix(line, name[1]) {
			series[name[1]] = append(series[name[1]], name[2])
		}
	}
	for _, s := range all {
		if !slices.ContainsFunc(series[s.Name], func(labels string) bool { return s.fits(labels) }) {
			missing = append(missing, s)
		}
	}
	return missing
}

// fits tells whether a series with these labels is one that s may mean.
func (s Selector) fits(labels string) bool {
	has := map[string]string{}
	for _, l := range matcher.FindAllStringSubmatch(labels, -1) {
		has[l[1]] = l[3]
	}
	for _, l := range s.Labels {
		value, ok := has[l.Name]
		switch {
		case l.Name == "job" || l.Name == "instance":
		case !ok, l.Op == "=" && value != l.Value:
			return false
		}
	}
	return true
}
