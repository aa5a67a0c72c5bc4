package whip

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"livedub/signaling"
	"livedub/signaling/signalingtest"
)

// trickled is a fragment as @eyevinn/whip-web-client sends it for the offer's session.
const trickled = "a=ice-ufrag:90w/\r\na=ice-pwd:C5qbCNbJ5cfO2qXH0qDXdBSn\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n" +
	"a=candidate:2 1 udp 2122260223 192.0.2.7 61764 typ host generation 0 ufrag 90w/ network-id 1\r\n" +
	"a=candidate:3 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active\r\na=end-of-candidates\r\n"

func TestPatch(t *testing.T) {
	r := open(t, nil)
	got := r.Do("POST", "/whip/talk", signalingtest.Offer)
	res, etag := got.Header.Get("Location"), got.Header.Get("ETag")
	for name, c := range map[string]struct {
		match, contentType, body string
		status                   int
		text                     string
	}{
		"by the book":       {etag, fragmentType, trickled, 204, ""},
		"star":              {"*", fragmentType, trickled, 204, ""},
		"one of several":    {`"other", W/` + etag, fragmentType, trickled, 204, ""},
		"unquoted":          {strings.Trim(etag, `"`), fragmentType, trickled, 204, ""},
		"without If-Match":  {"", fragmentType, trickled, 204, ""}, // Eyevinn
		"no type":           {"", "", trickled, 204, ""},
		"another session's": {`"other"`, fragmentType, trickled, 412, "If-Match"},
		"no fragment":       {"", "application/json", "{}", 415, fragmentType},
		"empty":             {"", fragmentType, "", 400, "no candidates"},
		"words":             {"", fragmentType, "hello\r\n", 400, "no candidates"},
		"binary":            {"", fragmentType, "a=candidate:\x00\xff", 400, "binary"},
		"too long":          {"", fragmentType, strings.Repeat(trickled, 300), 413, "65536"},
		"ICE restart":       {"*", fragmentType, strings.ReplaceAll(trickled, "90w/", "EsAw"), 422, "ICE restarts"},
	} {
		t.Run(name, func(t *testing.T) {
			r := *r
			r.T = t
			headers := []string{"Content-Type", c.contentType}
			if c.match != "" {
				headers = append(headers, "If-Match", c.match)
			}
			before := len(r.Desk.Peers()[0].Got())
			r.want(r.Do("PATCH", res, c.body, headers...), c.status, c.text)
			if n := len(r.Desk.Peers()[0].Got()) - before; (n == 3) != (c.status == 204) || n%3 != 0 {
				t.Errorf("%d candidates came through", n)
			}
		})
	}
	all := r.Desk.Peers()[0].Got()
	want := []string{
		"candidate:2 1 udp 2122260223 192.0.2.7 61764 typ host generation 0 ufrag 90w/ network-id 1",
		"candidate:3 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active", "",
	}
	if !slices.Equal(all[:3], want) {
		t.Errorf("%q", all[:3])
	}
}

func TestMalformedCandidatesAreLeftOut(t *testing.T) {
	r := open(t, nil)
	res := r.publish("/whep/talk/es")
	p := r.Desk.Peers()[0]
	p.AddFunc = func(c string) error {
		if strings.Contains(c, "nonsense") {
			return errors.New("no candidate")
		}
		return nil
	}
	r.want(r.Do("PATCH", res, "a=candidate:nonsense\na=candidate:candidate:1 1 udp 1 192.0.2.7 7 typ host\n"), 204, "")
	if got := p.Got(); !slices.Equal(got, []string{"candidate:nonsense", "candidate:1 1 udp 1 192.0.2.7 7 typ host"}) {
		t.Errorf("%q", got)
	}
}

func TestPatchesAreBounded(t *testing.T) {
	res := newResource(signaling.Joined{Peer: signalingtest.NewPeer()}, "/whip/talk", nil)
	s := New(Config{})
	refused := 0
	for range 200 {
		if errors.Is(s.mayPatch(res), signaling.ErrRate) {
			refused++
		}
	}
	if refused < 50 {
		t.Errorf("%d of 200 at once were refused", refused)
	}
	s.Close()
}

func FuzzFragment(f *testing.F) {
	f.Add(trickled)
	f.Add("a=candidate:candidate:candidate:")
	f.Add("a=ice-ufrag:\nm=\n")
	f.Add(strings.Repeat("a=candidate:1\n", 70))
	f.Fuzz(func(t *testing.T, text string) {
		g, err := parseFragment(text)
		if err != nil {
			return
		}
		for _, c := range g.candidates {
			if !strings.HasPrefix(c, "candidate:") || strings.HasPrefix(c, "candidate:candidate:") || strings.ContainsAny(c, "\n\x00") {
				t.Errorf("candidate %q", c)
			}
		}
	})
}
