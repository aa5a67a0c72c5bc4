package signaling

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"livedub/signaling/access"
)

func TestPass(t *testing.T) {
	cluster := access.RandomKey()
	k, now := NewPassKey(cluster), time.UnixMilli(1_790_000_000_000)
	p := Pass{Node: "a", Boot: "b", Session: "talk", Fence: 1 << 50, Cost: 1.5, Create: true, Client: netip.MustParseAddr("2001:db8::1"), Operator: true, Open: true}
	sealed := k.Seal(p, "POST", "/whip/talk?x=y", now)
	p.At = now.UnixMilli()
	if got, err := NewPassKey(cluster).Open(sealed, "POST", "/whip/talk?x=y", now.Add(passAge)); err != nil || got != p {
		t.Errorf("%+v, %v", got, err)
	}
	for name, open := range map[string]func() (Pass, error){
		"another method": func() (Pass, error) { return k.Open(sealed, "GET", "/whip/talk?x=y", now) },
		"another URI":    func() (Pass, error) { return k.Open(sealed, "POST", "/whip/talk", now) },
		"another cluster": func() (Pass, error) {
			return NewPassKey(access.RandomKey()).Open(sealed, "POST", "/whip/talk?x=y", now)
		},
		"no cluster": func() (Pass, error) { return PassKey{}.Open(sealed, "POST", "/whip/talk?x=y", now) },
		"later":      func() (Pass, error) { return k.Open(sealed, "POST", "/whip/talk?x=y", now.Add(passAge+time.Second)) },
		"earlier":    func() (Pass, error) { return k.Open(sealed, "POST", "/whip/talk?x=y", now.Add(-passAge-time.Second)) },
		"altered":    func() (Pass, error) { return k.Open("A"+sealed[1:], "POST", "/whip/talk?x=y", now) },
		"long":       func() (Pass, error) { return k.Open(strings.Repeat("x", 1<<20), "POST", "/whip/talk?x=y", now) },
	} {
		if sealed[0] == 'A' {
			t.Fatal("the altered one is not altered")
		}
		if got, err := open(); err == nil || got != (Pass{}) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzPass(f *testing.F) {
	k, now := NewPassKey(access.RandomKey()), time.Now()
	f.Add("x.y")
	f.Add("")
	f.Add(k.Seal(Pass{Node: "a"}, "GET", "/other", now))
	f.Fuzz(func(t *testing.T, sealed string) {
		if p, err := k.Open(sealed, "GET", "/", now); err == nil {
			t.Errorf("%q passes as %+v", sealed, p)
		}
	})
}
