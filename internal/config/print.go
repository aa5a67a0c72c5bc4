package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// WriteYAML writes c as a settings file, each key with its help. The defaults,
// written so, are the sample file deploy/livedub.yaml. Secrets are left out: where
// one is set, its key is a comment that says so, and whoever reads the file as
// settings gives the secret otherwise.
func (c Config) WriteYAML(w io.Writer) error {
	var out bytes.Buffer
	out.WriteString("# livedub's settings. Environment variables go over this file (LIVEDUB_SERVE_LISTEN),\n" +
		"# flags over both (--listen). An unknown key is an error.\n")
	section := ""
	for _, o := range table(&c) {
		if s := o.section(); s != section {
			section = s
			fmt.Fprintf(&out, "\n%s:\n", s)
		}
		value := o.get()
		hidden := o.mask != nil && value != "" && o.mask() != value
		if hidden {
			value = o.mask()
		}
		value, err := scalar(o.kind, value)
		if err != nil {
			return fmt.Errorf("config: %s: %w", o.key, err)
		}
		fmt.Fprintf(&out, "  # %s\n", o.usage())
		if hidden {
			fmt.Fprintf(&out, "  # A secret is set and not shown: it can be given by %s.\n  # ", o.variable())
		} else {
			out.WriteString("  ")
		}
		fmt.Fprintf(&out, "%s: %s\n", o.leaf(), value)
	}
	_, err := w.Write(out.Bytes())
	return err
}

// scalar writes a value on one line so that it reads back as what it is: text
// that looks like a number gets quotes.
func scalar(k kind, v string) (string, error) {
	if k == kindList {
		all, err := json.Marshal(append([]string{}, strings.Fields(v)...)) // on one line, and YAML too
		return string(all), err
	}
	if k != kindText {
		return v, nil
	}
	node := yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v}
	if strings.ContainsAny(v, "\n\r\u0085\u2028\u2029") {
		node.Style = yaml.DoubleQuotedStyle
	}
	b, err := yaml.Marshal(&node)
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(string(b), "\n"), nil
}
