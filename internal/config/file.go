package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

const maxFile = 1 << 20 // bytes; a settings file is a page

// readFile puts the settings of a file over those in opts.
func readFile(path string, opts []option) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("config: %w: check --config", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fmt.Errorf("config: %w: check --config", err)
	}
	if len(b) > maxFile {
		return fmt.Errorf("config: %s is larger than %d bytes: is it a settings file?", path, maxFile)
	}
	if err := readYAML(b, opts); err != nil {
		return fmt.Errorf("config: %s: %w", path, err)
	}
	return nil
}

// readYAML puts the settings of one YAML document over those in opts. An
// unknown, repeated, misplaced or mistyped key is an error with its line.
func readYAML(b []byte, opts []option) error {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc, more yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF): // nothing but comments
		return nil
	case err != nil:
		return oneLine(err)
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return errors.New("holds more than one document: keep the first")
	}
	return readSections(doc.Content[0], opts)
}

func readSections(root *yaml.Node, opts []option) error {
	if isNull(root) {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want sections, as \"serve:\"", root.Line)
	}
	var sections, keys []string
	known := map[string]bool{}
	for _, o := range opts {
		if s := o.section(); !known[s] {
			known[s] = true
			sections = append(sections, s)
		}
		keys = append(keys, o.key)
	}
	return eachPair(root, "", func(name string, key, value *yaml.Node) error {
		switch {
		case !known[name] && value.Kind == yaml.MappingNode:
			return unknown(name, key.Line, Nearest(name, sections))
		case !known[name]:
			return unknown(name, key.Line, nearestKey(name, keys))
		case isNull(value): // a section whose keys are all commented out
			return nil
		case value.Kind != yaml.MappingNode:
			return fmt.Errorf("%s (line %d): is a section, want keys below it", name, key.Line)
		}
		return readSection(value, name, keys, opts)
	})
}

func readSection(node *yaml.Node, section string, keys []string, opts []option) error {
	return eachPair(node, section+".", func(path string, key, value *yaml.Node) error {
		for _, o := range opts {
			if o.key == path {
				return readValue(o, value)
			}
		}
		return unknown(path, key.Line, nearestKey(path, keys))
	})
}

// eachPair calls fn with the full path of each key of a mapping.
func eachPair(node *yaml.Node, prefix string, fn func(path string, key, value *yaml.Node) error) error {
	seen := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!merge" {
			return fmt.Errorf("line %d: want a plain key, as \"listen:\"", key.Line)
		}
		path := prefix + key.Value
		if line, twice := seen[key.Value]; twice {
			return fmt.Errorf("%s (line %d): already given on line %d: keep one", plain(path), key.Line, line)
		}
		seen[key.Value] = key.Line
		if err := fn(path, key, value); err != nil {
			return err
		}
	}
	return nil
}

func readValue(o option, v *yaml.Node) error {
	if o.kind == kindList {
		return readList(o, v)
	}
	if v.Kind != yaml.ScalarNode {
		return fmt.Errorf("%s (line %d): want a %s, got a %s", o.key, v.Line, o.kind, kindOf(v))
	}
	if isNull(v) {
		return fmt.Errorf("%s (line %d): has no value: want a %s, or leave the key out", o.key, v.Line, o.kind)
	}
	if !fits(o.kind, v.ShortTag()) {
		return fmt.Errorf("%s (line %d): want a %s, got %s", o.key, v.Line, o.kind, show(v.Value))
	}
	if err := o.set(v.Value); err != nil {
		return fmt.Errorf("%s (line %d): %w", o.key, v.Line, err)
	}
	return nil
}

func readList(o option, v *yaml.Node) error {
	wrong := func(n *yaml.Node) error {
		got := kindOf(n)
		if n.Kind == yaml.ScalarNode {
			got = show(n.Value)
		}
		return fmt.Errorf("%s (line %d): want a %s, got %s", o.key, n.Line, o.kind, got)
	}
	if v.Kind != yaml.SequenceNode {
		return wrong(v)
	}
	var all []string
	for _, n := range v.Content {
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" || len(strings.Fields(n.Value)) != 1 {
			return wrong(n)
		}
		all = append(all, n.Value)
	}
	if err := o.set(strings.Join(all, " ")); err != nil {
		return fmt.Errorf("%s (line %d): %w", o.key, v.Line, err)
	}
	return nil
}

// fits tells whether a scalar that YAML reads as tag may stand for a value of kind k.
func fits(k kind, tag string) bool {
	switch k {
	case kindInteger:
		return tag == "!!int"
	case kindDecimal:
		return tag == "!!int" || tag == "!!float"
	case kindSwitch:
		return tag == "!!bool"
	}
	return tag == "!!str"
}

func unknown(path string, line int, near string) error {
	return fmt.Errorf("%s (line %d): unknown; did you mean %s?", plain(path), line, near)
}

// plain shows a path as it is where it is plain, else quoted.
func plain(path string) string {
	if q := show(path); strings.Trim(q, `"`) != path {
		return q
	}
	return path
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "section"
	case yaml.SequenceNode:
		return "list"
	}
	return "reference"
}

func oneLine(err error) error {
	return errors.New(strings.Join(strings.Fields(err.Error()), " "))
}
