package config

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"
)

// FuzzYAML: any bytes are settings or a one-line error; settings written out read back the same.
func FuzzYAML(f *testing.F) {
	if b, err := os.ReadFile(sample); err == nil {
		f.Add(b)
	}
	for _, s := range []string{
		"serve: {listen: 'a:1'}", "serve:\n  listen: !!binary aGk6MQ==", "? [a]\n: b", "<<: {serve: {}}",
		"a: &a [*a]", "serve: {listen: \"x\\n:1\"}", "speak: {worker: \"\\u2028#: \\x01\"}", "speak: {worker: ' a '}",
		"session: {background_gain: 1e-320}", "session: {delay_ms: 0x10}", "%YAML 1.2\n---\n", "\xff\xfe", "- - - -", "serve: |\n x",
		"speak: {worker: 'true'}", "speak: {worker: '12'}", "serve: {drain: 1h1ns}", "serve: {ice_servers: [stun:a, 'turn:s+%25@b:1?transport=udp']}", "\t", "&a", "*a", "!!map {}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c := Default()
		if err := readYAML(b, table(&c)); err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("more than one line: %q", err)
			}
			return
		}
		var out bytes.Buffer
		if err := c.WriteYAML(&out); err != nil {
			t.Fatal(err)
		}
		again := Default()
		if err := readYAML(out.Bytes(), table(&again)); err != nil {
			t.Fatalf("written settings do not read: %v\n%s", err, out.String())
		}
		for _, o := range table(&c) { // secrets are not written
			if value := o.get(); o.mask != nil && value != o.mask() {
				if err := o.set(""); err != nil {
					t.Fatal(err)
				}
			}
		}
		if !reflect.DeepEqual(again, c) {
			t.Fatalf("read %+v\nthen %+v\n%s", c, again, out.String())
		}
	})
}

func FuzzNearest(f *testing.F) {
	f.Add("lisen", "listen")
	f.Add("", "")
	f.Add("\xff", "é")
	f.Fuzz(func(t *testing.T, a, b string) {
		d, e := distance(a, b), distance(b, a)
		if d != e || (a == b && d != 0) {
			t.Fatalf("%q %q: %d and %d", a, b, d, e)
		}
	})
}
