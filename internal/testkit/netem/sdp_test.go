package netem

import (
	"fmt"
	"strings"
	"testing"
)

const answer = "v=0\r\n" +
	"o=- 1 2 IN IP4 0.0.0.0\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" +
	"c=IN IP4 0.0.0.0\r\n" +
	"a=candidate:1 1 udp 2130706431 127.0.0.1 %[1]d typ host ufrag abc\r\n" +
	"a=candidate:1 2 udp 2130706431 127.0.0.1 %[1]d typ host ufrag abc\r\n" +
	"a=candidate:2 1 tcp 1671430143 127.0.0.1 %[1]d typ host tcptype passive\r\n" +
	"a=candidate:3 1 UDP 2130706431 192.0.2.7 %[1]d typ srflx raddr 10.0.0.1 rport 5000 generation 0\r\n" +
	"a=end-of-candidates\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" +
	"a=candidate:9 1 udp 2130706431 127.0.0.1 1 typ host\r\n" +
	"a=candidate:3 1 UDP 2130706431 192.0.2.7 %[1]d typ srflx raddr 10.0.0.1 rport 5000 generation 0\r\n" +
	"a=candidate:broken\r\n" +
	"a=mid:1\r\n"

func TestRewrite(t *testing.T) {
	r := relay(t, Config{Target: echo(t, "127.0.0.1:0").String()})
	here := fmt.Sprintf("%v %d", r.Addr().Addr(), r.Addr().Port())
	want := "v=0\r\n" +
		"o=- 1 2 IN IP4 0.0.0.0\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" +
		"c=IN IP4 0.0.0.0\r\n" +
		"a=candidate:1 1 udp 2130706431 " + here + " typ host ufrag abc\r\n" +
		"a=end-of-candidates\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 96\r\n" +
		"a=candidate:3 1 UDP 2130706431 " + here + " typ host generation 0\r\n" +
		"a=mid:1\r\n"
	if got := r.Rewrite(fmt.Sprintf(answer, r.Target().Port())); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, prefix := range []string{"", "a="} {
		one := fmt.Sprintf("%scandidate:1 1 udp 5 127.0.0.1 %d typ host", prefix, r.Target().Port())
		if got := r.Rewrite(one); got != prefix+"candidate:1 1 udp 5 "+here+" typ host" {
			t.Errorf("%q became %q", one, got)
		}
	}
	if got := r.Rewrite("candidate:1 1 udp 5 127.0.0.1 1 typ host"); got != "" {
		t.Errorf("a way around the relay stays: %q", got)
	}
}

func TestStrip(t *testing.T) {
	got := Strip(fmt.Sprintf(answer, 7))
	if strings.Contains(got, "candidate:") || !strings.Contains(got, "a=mid:1\r\n") || strings.Count(got, "\r\n") != 7 {
		t.Errorf("%q", got)
	}
}

func FuzzRewrite(f *testing.F) {
	f.Add(fmt.Sprintf(answer, 5))
	f.Add("a=candidate:\nm=\r\na=candidate:1 1 udp 1 h 5 typ\nraddr")
	f.Add("candidate:1 1 udp 1 h 5 typ raddr raddr")
	f.Fuzz(func(t *testing.T, sdp string) {
		s := Strip(sdp)
		for line := range strings.Lines(s) {
			if strings.HasPrefix(strings.TrimPrefix(line, "a="), "candidate:") {
				t.Fatalf("%q is left of %q", line, sdp)
			}
		}
		candidates(sdp, func([]string) bool { return true }, func() {})
	})
}
