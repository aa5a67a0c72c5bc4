// Package signalingtest holds fakes of what stands behind the endpoints, a rig that
// serves an endpoint over real connections, and a browser's real offer to send to it.
package signalingtest

import (
	"context"
	_ "embed"
	"io"
	"slices"
	"sync"
	"time"

	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/signaling"
)

// Offer is what Chromium 156 offers to send: audio and video, ICE trickling, ufrag "90w/".
//
//go:embed chromium_156_offer.sdp
var Offer string

// Answer is what fakes answer.
const Answer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=fake\r\n"

// Sessions fakes what the endpoints open to: one function a method. Nil functions
// fail the test by a nil call.
type Sessions struct {
	CreateFunc  func(context.Context, signaling.Request) (signaling.Info, error)
	GetFunc     func(id string) (signaling.Info, error)
	ListFunc    func() []signaling.Info
	DeleteFunc  func(id string) error
	EraseFunc   func(id string) error
	SetLipsFunc func(id string, on map[inference.Lang]bool) (signaling.Info, error)
	ControlFunc func(id string, c signaling.Controls) (signaling.Info, error)
	DumpFunc    func(id string) (signaling.Dumped, error)

	SetTargetsFunc func(id string, to []inference.Lang) (signaling.Info, error)
	SetWordsFunc   func(id string, w glossary.Words) (signaling.Info, error)
	EventsFunc     func(id string, since signaling.Since) (signaling.Events, error)
	CaptionsFunc   func(id string, lang inference.Lang) ([]byte, error)
	ReportFunc     func(id string) ([]byte, error)
	PairsFunc      func() []signaling.PairInfo
	PublishFunc    func(ctx context.Context, id, offer string) (signaling.Peer, string, error)
	ViewFunc       func(ctx context.Context, id string, lang inference.Lang, offer string) (signaling.Peer, string, error)
}

func (s *Sessions) Create(ctx context.Context, r signaling.Request) (signaling.Info, error) {
	return s.CreateFunc(ctx, r)
}
func (s *Sessions) Get(id string) (signaling.Info, error) { return s.GetFunc(id) }
func (s *Sessions) List() []signaling.Info                { return s.ListFunc() }
func (s *Sessions) Delete(id string) error                { return s.DeleteFunc(id) }
func (s *Sessions) Erase(_ context.Context, id string) error {
	return s.EraseFunc(id)
}
func (s *Sessions) SetTargets(_ context.Context, id string, to []inference.Lang) (signaling.Info, error) {
	return s.SetTargetsFunc(id, to)
}

func (s *Sessions) SetWords(id string, w glossary.Words) (signaling.Info, error) {
	return s.SetWordsFunc(id, w)
}

func (s *Sessions) SetLips(id string, on map[inference.Lang]bool) (signaling.Info, error) {
	return s.SetLipsFunc(id, on)
}
func (s *Sessions) Control(id string, c signaling.Controls) (signaling.Info, error) {
	return s.ControlFunc(id, c)
}
func (s *Sessions) Dump(id string) (signaling.Dumped, error) { return s.DumpFunc(id) }
func (s *Sessions) Pairs() []signaling.PairInfo              { return s.PairsFunc() }
func (s *Sessions) Events(id string, since signaling.Since) (signaling.Events, error) {
	return s.EventsFunc(id, since)
}
func (s *Sessions) Captions(_ context.Context, id string, lang inference.Lang) ([]byte, error) {
	return s.CaptionsFunc(id, lang)
}
func (s *Sessions) Report(_ context.Context, id string) ([]byte, error) { return s.ReportFunc(id) }
func (s *Sessions) Publish(ctx context.Context, id, offer string) (signaling.Peer, string, error) {
	return s.PublishFunc(ctx, id, offer)
}
func (s *Sessions) View(ctx context.Context, id string, lang inference.Lang, offer string) (signaling.Peer, string, error) {
	return s.ViewFunc(ctx, id, lang, offer)
}

// Events are those of a channel, up to its end.
type Events struct {
	C      <-chan signaling.Event
	Closed func() // nil if nobody cares
}

func (e Events) Next(ctx context.Context) (signaling.Event, error) {
	select {
	case got, ok := <-e.C:
		if !ok {
			return got, io.EOF
		}
		return got, nil
	case <-ctx.Done():
		return signaling.Event{}, ctx.Err()
	}
}

func (e Events) Close() {
	if e.Closed != nil {
		e.Closed()
	}
}

// Peer fakes a connection: it remembers candidates and ends when told.
type Peer struct {
	AddFunc func(string) error // nil: takes all

	mu         sync.Mutex
	candidates []string
	closes     int
	done       chan struct{}
	once       sync.Once
}

// NewPeer returns a peer that lives until Close or End.
func NewPeer() *Peer { return &Peer{done: make(chan struct{})} }

func (p *Peer) AddCandidate(c string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.candidates = append(p.candidates, c)
	if p.AddFunc != nil {
		return p.AddFunc(c)
	}
	return nil
}

func (p *Peer) Close() error {
	p.mu.Lock()
	p.closes++
	p.mu.Unlock()
	p.End()
	return nil
}

func (p *Peer) Done() <-chan struct{} { return p.done }

// End ends the connection from the far side.
func (p *Peer) End() { p.once.Do(func() { close(p.done) }) }

// Got returns the candidates so far.
func (p *Peer) Got() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.candidates)
}

// Closes returns how often the peer was closed.
func (p *Peer) Closes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closes
}

// Desk is a small manager of sessions in memory: what the endpoints need of one, and no media.
type Desk struct {
	Sessions
	mu    sync.Mutex
	infos map[string]signaling.Info
	peers []*Peer
}

// NewDesk returns a desk with the sessions of these names, en to es and ca.
// Every function can be replaced before use.
func NewDesk(ids ...string) *Desk {
	d := &Desk{infos: map[string]signaling.Info{}}
	for _, id := range ids {
		d.infos[id] = signaling.Info{ID: id, Epoch: Epoch(id), From: "en", To: []inference.Lang{"es", "ca"}, Profile: "sync", DelayMS: 4000, State: "new"}
	}
	d.GetFunc, d.CreateFunc, d.DeleteFunc, d.EraseFunc, d.ListFunc = d.get, d.create, d.delete, d.delete, d.list
	d.PublishFunc = func(context.Context, string, string) (signaling.Peer, string, error) { return d.peer(), Answer, nil }
	d.ViewFunc = func(context.Context, string, inference.Lang, string) (signaling.Peer, string, error) {
		return d.peer(), Answer, nil
	}
	return d
}

// Peers returns every peer that was made, the oldest first.
func (d *Desk) Peers() []*Peer {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.peers)
}

func (d *Desk) peer() *Peer {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := NewPeer()
	d.peers = append(d.peers, p)
	return p
}

// Epoch is that of a desk's session.
func Epoch(id string) string { return "epoch of " + id }

func (d *Desk) get(id string) (signaling.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i, ok := d.infos[id]; ok {
		return i, nil
	}
	return signaling.Info{}, signaling.ErrNotFound.Errorf("session %q: no such session; there are %d", id, len(d.infos))
}

func (d *Desk) create(_ context.Context, r signaling.Request) (signaling.Info, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.ID == "" {
		r.ID = "made"
	}
	if _, ok := d.infos[r.ID]; ok {
		return signaling.Info{}, signaling.ErrExists
	}
	i := signaling.Info{ID: r.ID, Epoch: Epoch(r.ID), From: r.From, To: r.To, Profile: "sync", DelayMS: 4000, State: "new", Badge: r.Badge == nil || *r.Badge, Words: r.Words}
	if r.Consent {
		i.Consent = new(time.Now())
	}
	if r.Profile != "" {
		i.Profile = r.Profile
	}
	if r.DelayMS != nil {
		i.DelayMS = *r.DelayMS
	}
	d.infos[r.ID] = i
	return i, nil
}

func (d *Desk) delete(id string) error {
	if _, err := d.get(id); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.infos, id)
	return nil
}

func (d *Desk) list() []signaling.Info {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []signaling.Info
	for _, i := range d.infos {
		out = append(out, i)
	}
	return out
}
