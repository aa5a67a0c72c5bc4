package whip

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

func TestPublish(t *testing.T) {
	var offers []string
	r := open(t, func(c *Config, d *signalingtest.Desk) {
		c.ICEServers = signaling.ICEServers{Servers: []signaling.ICESecret{{URL: "stun:stun.example"}}}
		publish := d.PublishFunc
		d.PublishFunc = func(ctx context.Context, id, offer string) (signaling.Peer, string, error) {
			offers = append(offers, id+" "+offer)
			return publish(ctx, id, offer)
		}
	})
	got := r.Do("POST", "/whip/talk?from=xx&to=yy", signalingtest.Offer, "Content-Type", "application/sdp")
	r.want(got, 201, "")
	if got.Body != signalingtest.Answer || len(offers) != 1 || offers[0] != "talk "+signalingtest.Offer {
		t.Errorf("answer %q to %d offers", got.Body, len(offers))
	}
	for name, want := range map[string]string{"Content-Type": "application/sdp", "Accept-Patch": "application/trickle-ice-sdpfrag"} {
		if got.Header.Get(name) != want {
			t.Errorf("%s: %q", name, got.Header.Get(name))
		}
	}
	if e := got.Header.Get("ETag"); len(e) < 10 || e[0] != '"' {
		t.Errorf("ETag %s", e)
	}
	want := []string{`<stun:stun.example>; rel="ice-server"`}
	for how, got := range map[string]signalingtest.Reply{
		"publisher": got, "viewer": r.Do("POST", "/whep/talk/es", signalingtest.Offer),
		"publisher asks": r.Do("OPTIONS", "/whip/talk", ""), "viewer asks": r.Do("OPTIONS", "/whep/talk/es", ""),
	} {
		if links := got.Header.Values("Link"); !slices.Equal(links, want) {
			t.Errorf("%s: Link %q", how, links)
		}
	}
	for _, h := range []string{"Location", "ETag", "Link", "Accept-Patch"} {
		if !strings.Contains(got.Header.Get("Access-Control-Expose-Headers"), h) {
			t.Errorf("a page cannot read %s", h)
		}
	}
}

func TestLocation(t *testing.T) {
	r := open(t, nil)
	// As a client resolves it: a relative reference against the address it posted to.
	for _, path := range []string{"/whip/talk", "/whep/talk/es"} {
		loc, err := url.Parse(r.publish(path))
		if err != nil || !strings.HasPrefix(loc.Path, path+"/") {
			t.Fatalf("%v %v", loc, err)
		}
		base, _ := url.Parse(r.URL + path)
		r.want(r.Do("DELETE", base.ResolveReference(loc).String(), ""), 200, "")
		r.want(r.Do("DELETE", loc.String(), ""), 404, "it has ended")
	}
	got := r.Do("POST", "/whip/talk", signalingtest.Offer, "X-Forwarded-Prefix", "/dub")
	if loc := got.Header.Get("Location"); !strings.HasPrefix(loc, "/dub/whip/talk/") {
		t.Errorf("behind a prefix: %s", loc)
	}
}

func TestOffersThatAreNone(t *testing.T) {
	r := open(t, func(_ *Config, d *signalingtest.Desk) {
		d.PublishFunc = func(context.Context, string, string) (signaling.Peer, string, error) {
			t.Error("a bad offer came through")
			return nil, "", signaling.ErrBadOffer
		}
	})
	big := signalingtest.Offer + strings.Repeat("a=x\r\n", 1<<20/5)
	for name, c := range map[string]struct {
		body, contentType string
		status            int
		text              string
	}{
		"empty":        {"", "application/sdp", 400, "empty"},
		"1 MB":         {big, "application/sdp", 413, "65536 bytes"},
		"binary":       {"\x1f\x8b\x00\x01", "application/sdp", 400, "binary"},
		"binary, says": {"\x1f\x8b\x00\x01", "application/octet-stream", 415, "application/sdp"},
		"JSON":         {`{"sdp":"v=0"}`, "application/json", 415, "application/sdp"},
		"words":        {"hello", "", 400, "v=0"},
		"no media":     {"v=0\r\ns=-\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n", "", 400, "neither audio nor video"},
	} {
		t.Run(name, func(t *testing.T) {
			r := *r
			r.T = t
			r.want(r.Do("POST", "/whip/talk", c.body, "Content-Type", c.contentType), c.status, c.text)
			r.want(r.Do("POST", "/whep/talk/es", c.body, "Content-Type", c.contentType), c.status, c.text)
		})
	}
}

func TestClientsWhoAreLoose(t *testing.T) {
	var offer string
	r := open(t, func(_ *Config, d *signalingtest.Desk) {
		publish := d.PublishFunc
		d.PublishFunc = func(ctx context.Context, id, o string) (signaling.Peer, string, error) {
			offer = o
			return publish(ctx, id, o)
		}
	})
	for name, contentType := range map[string]string{"none": "", "charset": "application/sdp; charset=utf-8", "curl -d": "application/x-www-form-urlencoded"} {
		if got := r.Do("POST", "/whip/talk", signalingtest.Offer, "Content-Type", contentType); got.Status != 201 {
			t.Errorf("content type %s: %d %s", name, got.Status, got.Body)
		}
	}
	// GStreamer writes the codec in capitals; what to make of it is the media's side to know.
	loud := strings.Replace(signalingtest.Offer, "opus/48000/2", "OPUS/48000/2", 1)
	if got := r.Do("POST", "/whip/talk", loud); got.Status != 201 || offer != loud {
		t.Errorf("GStreamer: %d", got.Status)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
	}{
		"busy":     {signaling.ErrBusy.Errorf("session talk: a live publisher is there already"), 409},
		"no codec": {signaling.ErrNoCodec, 406},
		"offer":    {signaling.ErrBadOffer, 400},
		"full":     {signaling.ErrFull, 503},
		"gone":     {signaling.ErrNotFound, 404},
		"other":    {errors.New("boom"), 500},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t, func(_ *Config, d *signalingtest.Desk) {
				d.PublishFunc = func(context.Context, string, string) (signaling.Peer, string, error) { return nil, "", c.err }
				d.ViewFunc = func(context.Context, string, inference.Lang, string) (signaling.Peer, string, error) {
					return nil, "", c.err
				}
			})
			text := signaling.Explain(c.err).Message
			r.want(r.Do("POST", "/whip/talk", signalingtest.Offer), c.status, text)
			r.want(r.Do("POST", "/whep/talk/en", signalingtest.Offer), c.status, text)
			if got := r.Do("POST", "/whip/talk", signalingtest.Offer); (got.Header.Get("Retry-After") != "") != (c.status == 503) {
				t.Errorf("Retry-After %q", got.Header.Get("Retry-After"))
			}
		})
	}
}

func TestUnknownLanguageListsTheOthers(t *testing.T) {
	r := open(t, nil)
	r.want(r.Do("POST", "/whep/talk/fr", signalingtest.Offer), 404, "en, es, ca")
	r.want(r.Do("POST", "/whep/nobody/es", signalingtest.Offer), 404, "no such session")
	r.publish("/whep/talk/en") // the original
}

// TestSlashAtTheEnd: people type one; the resource is where it is without.
func TestSlashAtTheEnd(t *testing.T) {
	r := open(t, nil)
	for _, path := range []string{"/whip/talk/", "/whep/talk/es/"} {
		got := r.Do("POST", path, signalingtest.Offer)
		r.want(got, 201, "")
		loc := got.Header.Get("Location")
		if !strings.HasPrefix(loc, path) || strings.Contains(loc, "//") {
			t.Errorf("%s: Location %q", path, loc)
		}
		r.want(r.Do("DELETE", loc+"/", ""), 200, "")
	}
}

// TestPathsThatAreNone: whatever is asked for, the refusal is JSON.
func TestPathsThatAreNone(t *testing.T) {
	r := open(t, nil)
	for _, path := range []string{"/whip", "/whip/", "/whep", "/whep/", "/whip/talk/peer/more", "/whep/talk/es/peer/more"} {
		for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			r.want(r.Do(m, path, ""), 404, "there is nothing at")
		}
		r.want(r.Do("OPTIONS", path, ""), 204, "")
	}
	r.want(r.Do("POST", "/whep/talk", signalingtest.Offer), 404, "en, es, ca")
	r.want(r.Do("POST", "/whep/nobody", signalingtest.Offer), 404, "no such session")
	got := r.Do("GET", "/whep/talk", "")
	r.want(got, 405, "use OPTIONS, POST")
	if got.Header.Get("Allow") != "OPTIONS, POST" {
		t.Errorf("%v", got.Header)
	}
}

func TestOpenMode(t *testing.T) {
	r := open(t, nil)
	r.want(r.Do("POST", "/whip/new", signalingtest.Offer), 404, "?from=en&to=es")
	r.want(r.Do("POST", "/whip/new?from=en&to=es&delay_ms=x", signalingtest.Offer), 400, "delay_ms")
	r.want(r.Do("POST", "/whip/new?from=en&to=es", "no offer"), 400, "")
	if _, err := r.Desk.Get("new"); err == nil {
		t.Error("a bad offer made a session")
	}
	for name, consent := range map[string]bool{"new": true, "new1?consent=1": true, "new2?consent=0": false} {
		name, query, _ := strings.Cut(name, "?")
		r.publish("/whip/" + name + "?from=en&to=es,ca&profile=live&" + query)
		i, err := r.Desk.Get(name)
		if err != nil || len(i.To) != 2 || i.Profile != "live" || (i.Consent != nil) != consent {
			t.Errorf("%+v %v", i, err)
		}
	}

	// The server's own page may open a session, as its user could; a page of somebody else's may not, whatever it says.
	for query, wanted := range map[string]bool{"": true, "&consent=1": true, "&consent=0": false} {
		r.want(r.Do("POST", "/whip/page?from=en&to=es"+query, signalingtest.Offer, "Origin", r.URL), 201, "")
		if i, err := r.Desk.Get("page"); err != nil || (i.Consent != nil) != wanted {
			t.Errorf("%s: %+v %v", query, i, err)
		}
		if err := r.Desk.Delete("page"); err != nil {
			t.Fatal(err)
		}
	}
	for _, headers := range [][]string{
		{"Origin", "https://evil.example"}, {"Origin", "null"}, {"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"},
		{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-For", "192.0.2.1", "Origin", r.URL},
	} {
		r.want(r.Do("POST", "/whip/page?from=en&to=es&consent=true", signalingtest.Offer, headers...), 404, "no right to it")
		if _, err := r.Desk.Get("page"); err == nil {
			t.Errorf("%v: a session was made", headers)
		}
	}
	afar := []string{"X-Forwarded-For", "192.0.2.1", "Authorization", "Bearer " + signalingtest.OperatorToken}
	r.want(r.Do("POST", "/whip/afar?from=en&to=es", signalingtest.Offer, afar...), 201, "") // as OBS does
}

func TestRefusedPublisherLeavesNoSession(t *testing.T) {
	r := open(t, func(_ *Config, d *signalingtest.Desk) {
		d.PublishFunc = func(context.Context, string, string) (signaling.Peer, string, error) {
			return nil, "", signaling.ErrNoCodec
		}
	})
	r.want(r.Do("POST", "/whip/new?from=en&to=es", signalingtest.Offer), 406, "")
	if _, err := r.Desk.Get("new"); !errors.Is(err, signaling.ErrNotFound) {
		t.Error("the session is still there")
	}
}

func TestMethodsAndPreflight(t *testing.T) {
	r := open(t, nil)
	res := r.publish("/whip/talk")
	for _, path := range []string{"/whip/talk", "/whep/talk/es", res, "/whep/talk/es/nothing"} {
		for _, m := range []string{"GET", "PUT"} {
			r.want(r.Do(m, path, ""), 405, "use OPTIONS")
		}
		if got := r.Do("HEAD", path, ""); got.Status != 405 {
			t.Errorf("HEAD %s: %d", path, got.Status)
		}
		got := r.Do("OPTIONS", path, "", "Origin", "https://elsewhere.example", "Access-Control-Request-Method", "POST")
		r.want(got, 204, "")
		if got.Header.Get("Accept-Patch") == "" || !strings.Contains(got.Header.Get("Access-Control-Allow-Headers"), "If-Match") {
			t.Errorf("%s: %v", path, got.Header)
		}
	}
	got := r.Do("OPTIONS", "/whip/talk", "")
	if got.Header.Get("Accept-Post") != "application/sdp" || got.Header.Get("Access-Control-Allow-Methods") != "OPTIONS, POST" {
		t.Errorf("%v", got.Header)
	}
	if got := r.Do("OPTIONS", res, ""); got.Header.Get("Allow") != "OPTIONS, PATCH, DELETE" {
		t.Errorf("%v", got.Header)
	}
}

func TestPeersEndWithTheirClients(t *testing.T) {
	r := open(t, nil)
	first, second, third := r.publish("/whip/talk"), r.publish("/whep/talk/es"), r.publish("/whep/talk/ca")
	peers := r.Desk.Peers()
	r.want(r.Do("DELETE", first, ""), 200, "")
	if peers[0].Closes() != 1 {
		t.Error("DELETE was answered before the peer was closed")
	}
	peers[1].End()
	r.Eventually("the resource of a peer that ended is gone", func() bool { return r.Do("DELETE", second, "").Status == 404 })
	// Neither the wrong session nor the wrong endpoint leads to a resource.
	id := third[strings.LastIndexByte(third, '/'):]
	for _, wrong := range []string{"/whip/talk" + id, "/whep/talk/es" + id, "/whep/other/ca" + id} {
		r.want(r.Do("DELETE", wrong, ""), 404, "")
		r.want(r.Do("PATCH", wrong, ""), 404, "")
	}
	r.endpoint.Close()
	if peers[2].Closes() != 1 {
		t.Error("Close did not wait for the peer")
	}
	r.want(r.Do("POST", "/whip/talk", signalingtest.Offer), 503, "shutting down")
	r.endpoint.Close() // twice is fine
}

func TestCloseWaitsForOffersBeingAnswered(t *testing.T) {
	entered := make(chan struct{})
	d := signalingtest.NewDesk("talk")
	peer := signalingtest.NewPeer()
	d.PublishFunc = func(ctx context.Context, _, _ string) (signaling.Peer, string, error) {
		close(entered)
		<-ctx.Done()
		return peer, signalingtest.Answer, nil // came too late to notice
	}
	s := New(Config{Sessions: d})
	mux := http.NewServeMux()
	s.Register(mux)
	w := httptest.NewRecorder()
	var wg sync.WaitGroup
	wg.Go(func() {
		at := "http://localhost/whip/talk~" + signalingtest.Token("talk", access.Publish, "")
		signalingtest.Access().Guard(mux).ServeHTTP(w, httptest.NewRequest("POST", at, strings.NewReader(signalingtest.Offer)))
	})
	<-entered
	s.Close()
	if peer.Closes() != 1 {
		t.Error("a peer outlived Close")
	}
	wg.Wait()
	if w.Code != 503 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// fragile is a peer that cannot be closed.
type fragile struct{ signaling.Peer }

func (fragile) Close() error { panic("half-built") }

func TestPanicOfAPeerEndsNothingElse(t *testing.T) {
	r := open(t, func(_ *Config, d *signalingtest.Desk) {
		d.PublishFunc = func(context.Context, string, string) (signaling.Peer, string, error) {
			return fragile{signalingtest.NewPeer()}, signalingtest.Answer, nil
		}
	})
	r.want(r.Do("DELETE", r.publish("/whip/talk"), ""), 200, "")
	r.publish("/whip/talk") // which Close ends
}
