package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"livedub/inference"
	"livedub/media"
	"livedub/media/pace"
	"livedub/signaling"
	"livedub/signaling/access"
	"livedub/signaling/signalingtest"
)

var (
	here  = netip.MustParseAddr("127.0.0.1")
	there = netip.MustParseAddr("192.0.2.7")
)

// stream fakes a publisher that lives until Close or leave.
type stream struct {
	media.Source
	done chan struct{}
	once sync.Once
}

func (s *stream) Ready(context.Context) error { return nil }
func (s *stream) Silent() time.Duration       { return 0 }
func (s *stream) Done() <-chan struct{}       { return s.done }
func (s *stream) Err() error                  { return nil }
func (s *stream) Received() uint64            { return 1000 }
func (s *stream) leave()                      { s.once.Do(func() { close(s.done) }) }

func (s *stream) Close() error {
	s.leave()
	return nil
}

// conn fakes somebody who asks.
type conn struct {
	ask     Ask
	fails   error // of Begin
	begun   chan *stream
	refused chan signaling.Error
}

func asks(from netip.Addr, name, query string) *conn {
	q, err := url.ParseQuery(query)
	if err != nil {
		panic(err)
	}
	return &conn{ask: Ask{Protocol: "rtmp", From: from, Name: name, Query: q}, begun: make(chan *stream, 1), refused: make(chan signaling.Error, 1)}
}

func (c *conn) Ask() Ask                   { return c.ask }
func (c *conn) Refuse(why signaling.Error) { c.refused <- why }

func (c *conn) Begin(pace.Clock) (Publisher, error) {
	if c.fails != nil {
		return nil, c.fails
	}
	s := &stream{done: make(chan struct{})}
	c.begun <- s
	return s, nil
}

// desk is where they go.
type desk struct {
	*signalingtest.Desk
	mu      sync.Mutex
	asked   []signaling.Request
	speaker map[string]Publisher
	away    map[string]signaling.Info // sessions of other nodes
}

func (d *desk) Fetch(ctx context.Context, id string, may func(signaling.Info) bool) error {
	d.mu.Lock()
	i, ok := d.away[id]
	d.mu.Unlock()
	if !ok || !may(i) {
		return nil
	}
	if i.State == "live" {
		return signaling.ErrBusy
	}
	_, err := d.Create(ctx, signaling.Request{ID: id})
	return err
}

func (d *desk) Feed(id string, begin func(pace.Clock) (Publisher, error)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.speaker[id]; p != nil {
		select {
		case <-p.Done():
		default:
			return signaling.ErrBusy.Errorf("session %s: busy", id)
		}
	}
	p, err := begin(nil)
	if err == nil {
		d.speaker[id] = p
	}
	return err
}

// rig is a door before a desk with the session "talk".
type rig struct {
	*testing.T
	desk *desk
	door *Door
	log  *bytes.Buffer
	wg   sync.WaitGroup
}

func newRig(t *testing.T, set func(*Config)) *rig {
	r := &rig{T: t, desk: &desk{Desk: signalingtest.NewDesk("talk"), speaker: map[string]Publisher{}}, log: &bytes.Buffer{}}
	create := r.desk.CreateFunc
	r.desk.CreateFunc = func(ctx context.Context, q signaling.Request) (signaling.Info, error) {
		r.desk.mu.Lock()
		r.desk.asked = append(r.desk.asked, q)
		r.desk.mu.Unlock()
		return create(ctx, q)
	}
	c := Config{Sessions: r.desk, Access: signalingtest.Access(), Log: slog.New(slog.NewTextHandler(r.log, nil))}
	if set != nil {
		set(&c)
	}
	r.door = New(c)
	t.Cleanup(func() {
		r.door.Close()
		r.wg.Wait()
	})
	return r
}

// serve has somebody come in, and returns what becomes of them.
func (r *rig) serve(c *conn) (s *stream, refused *signaling.Error) {
	r.Helper()
	done := make(chan struct{})
	r.wg.Go(func() {
		defer close(done)
		r.door.Serve(context.Background(), c)
	})
	select {
	case s := <-c.begun:
		return s, nil
	case why := <-c.refused:
		<-done
		return nil, &why
	case <-time.After(10 * time.Second):
		r.Fatal("neither taken nor refused")
		return nil, nil
	}
}

func (r *rig) wantRefused(c *conn, kind *signaling.Kind) {
	r.Helper()
	if s, why := r.serve(c); s != nil || why.Kind != kind {
		r.Errorf("%+v: taken %v, refused %v; want %v", c.ask, s != nil, why, kind)
	}
}

func (r *rig) wantTaken(c *conn) *stream {
	r.Helper()
	s, why := r.serve(c)
	if why != nil {
		r.Fatalf("%+v: refused: %v", c.ask, why)
	}
	return s
}

func TestRights(t *testing.T) {
	r := newRig(t, nil)
	token := func(role access.Role) string { return signalingtest.Token("talk", role, "") }
	for _, c := range []*conn{
		asks(there, "talk", "from=en&to=es"), asks(there, "new", "from=en&to=es"), asks(there, "new", "from=en&to=es&token=nonsense"),
		asks(there, "talk", "token="+token(access.Watch)), asks(there, "new", "token="+token(access.Publish)),
		asks(here, "new", ""), asks(here, "", "from=en&to=es"), asks(here, "ldk_of-nobody", "from=en&to=es"),
		asks(netip.Addr{}, "talk", ""),
	} {
		r.wantRefused(c, signaling.ErrNotFound)
	}
	r.wantRefused(asks(here, "new", "from=en&to=es&delay_ms=soon"), signaling.ErrBadRequest)
	r.wantRefused(asks(here, "new", "from=english+please&to=es"), signaling.ErrBadRequest)
	for _, c := range []*conn{
		asks(there, "talk", "token="+token(access.Publish)), asks(there, "talk~"+token(access.Publish), ""),
		asks(there, "talk", "token="+url.QueryEscape(signalingtest.OperatorToken)), asks(here, "talk", ""), asks(netip.MustParseAddr("::ffff:127.0.0.1"), "talk", ""),
	} {
		r.wantTaken(c).leave()
	}
	if len(r.desk.asked) != 0 {
		t.Errorf("created %+v", r.desk.asked)
	}
	r.wantTaken(asks(here, "new", "from=en&to=es,ca&profile=live&delay_ms=300"))
	r.wantTaken(asks(here, "other", "from=en&to=es&consent=false"))
	got := r.desk.asked
	if len(got) != 2 || got[0].ID != "new" || len(got[0].To) != 2 || got[0].Profile != "live" || *got[0].DelayMS != 300 || !got[0].Consent || got[1].Consent {
		t.Errorf("created %+v", got)
	}
}

func TestKeys(t *testing.T) {
	taken, take := context.WithCancelCause(context.Background())
	const secret = "ldk_0123456789abcdef"
	r := newRig(t, func(c *Config) {
		c.Keys = func(_ context.Context, key string) (Key, bool, error) {
			switch key {
			case secret:
				return Key{
					Request: signaling.Request{ID: "studio", From: "en", To: []inference.Lang{"es"}},
					Bound: func(ctx context.Context) (context.Context, context.CancelFunc) {
						return taken, func() {}
					},
				}, true, nil
			case "ldk_broken":
				return Key{}, false, errors.New("the ledger cannot be read")
			}
			return Key{}, false, nil
		}
	})
	r.wantRefused(asks(there, "ldk_0123456789abcdee", "from=en&to=es"), signaling.ErrNotFound)
	r.wantRefused(asks(there, "ldk_broken", ""), signaling.ErrInternal)
	first := r.wantTaken(asks(there, secret, "from=de&to=fr"))
	if got := r.desk.asked; len(got) != 1 || got[0].ID != "studio" || got[0].From != "en" || got[0].Consent {
		t.Errorf("created %+v", got)
	}
	r.wantRefused(asks(there, secret, ""), signaling.ErrBusy)
	first.leave()
	second := r.wantTaken(asks(there, secret, ""))
	if len(r.desk.asked) != 1 {
		t.Error("a second session")
	}
	take(errors.New("the key was taken back"))
	select {
	case <-second.Done():
	case <-time.After(10 * time.Second):
		t.Error("who came by a key that is taken back goes on")
	}
	r.door.Close()
	r.wg.Wait()
	if log := r.log.String(); strings.Contains(log, "ldk_0") || !strings.Contains(log, "the key was taken back") || !strings.Contains(log, "session=studio") {
		t.Errorf("log:\n%s", log)
	}
}

// TestElsewhere: sessions of other nodes come here for who may publish in them, and for nobody else.
func TestElsewhere(t *testing.T) {
	r := newRig(t, nil)
	r.desk.away = map[string]signaling.Info{"idle": {ID: "idle", Epoch: "idle", State: "idle"}, "live": {ID: "live", Epoch: "live", State: "live"}}
	query := "from=en&to=es"
	r.wantRefused(asks(there, "idle", query), signaling.ErrNotFound)
	r.wantRefused(asks(there, "live", query), signaling.ErrNotFound)
	if len(r.desk.asked) != 0 {
		t.Errorf("fetched for nobody: %+v", r.desk.asked)
	}
	r.wantRefused(asks(here, "live", query), signaling.ErrBusy)
	r.wantTaken(asks(here, "idle", query))
	if got := r.desk.asked; len(got) != 1 || got[0].ID != "idle" || got[0].From != "" {
		t.Errorf("made %+v", got)
	}
}

func TestUndone(t *testing.T) {
	r := newRig(t, nil)
	c := asks(here, "new", "from=en&to=es")
	c.fails = io.ErrClosedPipe
	r.wg.Go(func() { r.door.Serve(context.Background(), c) })
	r.wg.Wait()
	if _, err := r.desk.Get("new"); !errors.Is(err, signaling.ErrNotFound) {
		t.Errorf("the session of who did not come is there: %v", err)
	}
}

func TestBounds(t *testing.T) {
	r := newRig(t, func(c *Config) { c.PerAddress, c.All = 1, 2 })
	token := "token=" + url.QueryEscape(signalingtest.OperatorToken) + "&from=en&to=es"
	r.wantTaken(asks(there, "a", token))
	r.wantRefused(asks(there, "b", token), signaling.ErrRate)
	r.wantTaken(asks(here, "b", token))
	r.wantRefused(asks(here, "c", token), signaling.ErrFull)
	got := r.metrics()
	for name, want := range map[string]float64{
		"livedub_ingest_refused_total rtmp full": 1, "livedub_ingest_refused_total rtmp rate": 1,
		"livedub_ingest_connections_total rtmp": 4, "livedub_ingest_publishers rtmp": 2, "livedub_ingest_bytes_total rtmp": 2000,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	r.door.Close()
	r.wg.Wait()
	r.wantRefused(asks(here, "d", token), signaling.ErrClosing)
	if got := r.metrics(); got["livedub_ingest_publishers rtmp"] != 0 || got["livedub_ingest_bytes_total rtmp"] != 2000 || got["livedub_ingest_refused_total rtmp closing"] != 1 {
		t.Errorf("%v", got)
	}
}

// metrics returns the door's, by name and labels.
func (r *rig) metrics() map[string]float64 {
	r.Helper()
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(r.door)
	families, err := reg.Gather()
	if err != nil {
		r.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}
