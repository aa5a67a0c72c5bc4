package redis

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"livedub/cluster"
)

// What is stored was perhaps written by another version, or another program.

func FuzzDecodeClaim(f *testing.F) {
	f.Add("s1", "n1\nb1\n1790000000000000\n1500\nhttp://n1:80\n0\nn2\nb2\nhttp://n2:80")
	f.Add("s1", "n1\nb1\n-1\nNaN\n\n1\n\n\n")
	f.Add("}", "")
	f.Fuzz(func(t *testing.T, session, text string) {
		c, err := decodeClaim(session, strings.Split(text, "\n"))
		if err != nil {
			if !errors.Is(err, cluster.ErrUnavailable) || c != (cluster.Claim{}) {
				t.Fatalf("%+v, %v", c, err)
			}
			return
		}
		if cluster.CheckID(c.Session) != nil || cluster.CheckID(c.Node) != nil || cluster.CheckID(c.Boot) != nil ||
			c.Fence < 0 || c.Fence > 1<<53 || !(c.Cost >= 0 && c.Cost <= cluster.MaxCost) {
			t.Fatalf("%q became %+v", text, c)
		}
	})
}

func FuzzDecodeNode(f *testing.F) {
	good := "boot=b1\naddr=http://n1:80\nstate=serving\ncap=1500\nused=500\ngpu=0.5\nmem=1\nholds=2"
	for _, s := range []string{good, strings.Replace(good, "0.5", "NaN", 1), strings.Replace(good, "1500", "-1", 1),
		strings.Replace(good, "1500", "99999999999999999999", 1), strings.Replace(good, "mem=1", "mem=Inf", 1), "boot=b1"} {
		f.Add("n1", s)
	}
	f.Fuzz(func(t *testing.T, id, text string) {
		h := map[string]string{}
		for _, line := range strings.Split(text, "\n") {
			k, v, _ := strings.Cut(line, "=")
			h[k] = v
		}
		s, err := decodeNode(id, h)
		if err != nil {
			if !errors.Is(err, cluster.ErrUnavailable) || s != (cluster.Status{}) {
				t.Fatalf("%+v, %v", s, err)
			}
			return
		}
		if err := s.Node.Check(); err != nil || s.Used < 0 {
			t.Fatalf("%q became %+v: %v", slices.Sorted(maps.Keys(h)), s, err)
		}
	})
}

func FuzzDecodePulse(f *testing.F) {
	f.Add("1\n1790000000000000\n3\n4500", int64(time.Millisecond))
	f.Add("1\n-1\n3\n4500", int64(0))
	f.Fuzz(func(t *testing.T, text string, trip int64) {
		p, err := decodePulse(strings.Split(text, "\n"), time.UnixMicro(1790000000000000), time.Duration(trip))
		if err == nil && (p.Claims < 0 || p.Used < 0) || err != nil && p != (cluster.Pulse{}) {
			t.Fatalf("%q became %+v, %v", text, p, err)
		}
	})
}
