package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"livedub/cluster"
	"livedub/inference"
	"livedub/inference/glossary"
	"livedub/media"
	"livedub/media/pace"
	"livedub/media/rtc"
	"livedub/session/fanout"
	"livedub/session/live"
	"livedub/session/report"
	"livedub/session/spec"
	"livedub/signaling"
	"livedub/signaling/ingest"
	"livedub/signaling/member"
)

// calls is what the endpoints of the server open to: the sessions of this node and
// the media port that leads to them.
type calls struct {
	manager *live.Manager
	host    *rtc.Host
	engines spec.Engines
	quality func(inference.Pair) string // for people
	member  *member.Member              // in a cluster; else nil
	linkKey []byte                      // of links between its nodes
	kept    *kept                       // what is kept of them; nil for nothing
	outputs *outputs                    // that they are sent on to
	log     *slog.Logger

	pulls *pulls // of speakers from elsewhere; nil before they are opened

	unused int // sessions of one address that nobody has published in yet; 0 for no bound
	mu     sync.Mutex
	makers map[*live.Call]netip.Prefix // of sessions, where they count
}

func (c *calls) Create(ctx context.Context, r signaling.Request) (signaling.Info, error) {
	asked := spec.Spec{ID: r.ID, From: r.From, To: r.To, Profile: spec.Profile(r.Profile), Consent: r.Consent, NoBadge: r.Badge != nil && !*r.Badge, Words: r.Words}
	if r.DelayMS != nil {
		d := time.Duration(max(-1, min(*r.DelayMS, math.MaxInt32))) * time.Millisecond // beyond, it is refused anyway
		asked.Delay = &d
	}
	var begin func(pace.Clock) (ingest.Publisher, error)
	var protocol string
	if r.Source != "" {
		var err error
		if begin, protocol, err = c.pulls.pull(r.Source); err != nil {
			return signaling.Info{}, err
		}
	}
	key, err := c.keepMouths(r, &asked)
	if err != nil {
		return signaling.Info{}, err
	}
	call, err := c.open(ctx, asked)
	if err != nil {
		if call == nil {
			release(asked)
		}
		return signaling.Info{}, refuse(err)
	}
	if begin != nil {
		c.pulls.begin(call.Spec.ID, begin, protocol)
	}
	out := c.info(call)
	out.MouthsKey = key
	return out, nil
}

// open creates a session: in a cluster, one for which a gateway has found a place here.
func (c *calls) open(ctx context.Context, asked spec.Spec) (call *live.Call, err error) {
	if c.member == nil {
		return c.make(ctx, asked)
	}
	open := func() ([]byte, error) {
		if call, err = c.make(ctx, asked); err != nil {
			return nil, err
		}
		return call.Kept()
	}
	if byDoor(ctx) {
		err = c.member.Found(ctx, cluster.Ask{Session: asked.ID, Cost: c.cost(asked)}, open)
	} else {
		err = c.member.Claim(ctx, asked.ID, open)
	}
	if err == nil {
		call.Keep()
	}
	return call, err
}

// cost returns what a session costs a node, in places, as gateways count it.
func (c *calls) cost(asked spec.Spec) float64 {
	dubs := map[inference.Lang]bool{}
	for _, l := range asked.To {
		if l != asked.From {
			dubs[l] = true
		}
	}
	return cluster.DefaultPrices.Cost(cluster.Work{Languages: len(dubs), Lips: asked.Consent})
}

// make creates a session, unless its maker's address has made too many that nobody has published in.
func (c *calls) make(ctx context.Context, asked spec.Spec) (*live.Call, error) {
	from, counted := signaling.Network(ctx)
	if !counted || c.unused == 0 {
		return c.manager.Create(asked)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	makers, unused := map[*live.Call]netip.Prefix{}, 0
	for _, call := range c.manager.List() {
		if by, ok := c.makers[call]; ok && call.Phase() == "new" {
			makers[call] = by
			if by == from {
				unused++
			}
		}
	}
	c.makers = makers // those that have ended or been used count no more
	if unused >= c.unused {
		return nil, signaling.ErrRate.Errorf("your address has made %d sessions that nobody has published in: use or end one", unused)
	}
	call, err := c.manager.Create(asked)
	if err == nil {
		c.makers[call] = from
	}
	return call, err
}

func (c *calls) Get(id string) (signaling.Info, error) {
	call, err := c.manager.Get(id)
	if err != nil {
		return signaling.Info{}, refuse(err)
	}
	return c.info(call), nil
}

func (c *calls) List() []signaling.Info {
	out := []signaling.Info{}
	for _, call := range c.manager.List() {
		out = append(out, c.info(call))
	}
	return out
}

func (c *calls) SetLips(id string, on map[inference.Lang]bool) (signaling.Info, error) {
	call, err := c.manager.Get(id)
	if err != nil {
		return signaling.Info{}, refuse(err)
	}
	for lang := range on {
		if !call.Has(lang) {
			return signaling.Info{}, noLanguage(call, lang)
		}
	}
	if err := call.SetLips(on); err != nil {
		return signaling.Info{}, refuse(err)
	}
	return c.info(call), nil
}

func (c *calls) SetTargets(ctx context.Context, id string, to []inference.Lang) (signaling.Info, error) {
	call, err := c.manager.Get(id)
	if err != nil {
		return signaling.Info{}, refuse(err)
	}
	if err := call.SetTargets(ctx, to); err != nil {
		return signaling.Info{}, refuse(err)
	}
	return c.info(call), nil
}

func (c *calls) SetWords(id string, w glossary.Words) (signaling.Info, error) {
	call, err := c.manager.Get(id)
	if err != nil {
		return signaling.Info{}, refuse(err)
	}
	call.SetWords(w)
	return c.info(call), nil
}

func noLanguage(call *live.Call, lang inference.Lang) error {
	return signaling.ErrNotFound.Errorf("session %s has no %.20q: there are %v", call.Spec.ID, lang, call.Languages())
}

func (c *calls) Delete(id string) error { return refuse(c.manager.Delete(id)) }

func (c *calls) Pairs() []signaling.PairInfo {
	out, auto := []signaling.PairInfo{}, []signaling.PairInfo{}
	for _, p := range c.engines.Pairs() {
		out = append(out, signaling.PairInfo{From: p.From, To: p.To, Quality: c.quality(p)})
		if c.engines.Hears(inference.Auto) && !slices.ContainsFunc(auto, func(a signaling.PairInfo) bool { return a.To == p.To }) {
			auto = append(auto, signaling.PairInfo{From: inference.Auto, To: p.To, Quality: "as the pair of the language that is spoken, which is told by ear"})
		}
	}
	return append(out, auto...)
}

// receiveAhead is how long before it is due a packet must be there: decoding begins
// spec.LookAhead before, and a packet asked for again at the last moment takes its way.
const receiveAhead = spec.LookAhead + 200*time.Millisecond

// Publish connects a speaker.
func (c *calls) Publish(ctx context.Context, id, offer string) (signaling.Peer, string, error) {
	call, err := c.manager.Get(id)
	if err != nil {
		return nil, "", refuse(err)
	}
	if err := call.Vacant(); err != nil {
		return nil, "", refuse(err)
	}
	p, answer, err := c.host.Publish(ctx, offer, rtc.PublishOptions{Clock: call.Clock, JitterDelay: max(0, *call.Spec.Delay-receiveAhead)})
	if err != nil {
		return nil, "", refuseOffer(ctx, err)
	}
	if err := call.Publish(p); err != nil {
		return nil, "", errors.Join(refuse(err), p.Close())
	}
	return p, answer, nil
}

// View connects a viewer of one language, or of the original.
func (c *calls) View(ctx context.Context, id string, lang inference.Lang, offer string) (signaling.Peer, string, error) {
	call, err := c.manager.Get(id)
	if err != nil {
		return nil, "", refuse(err)
	}
	if !call.Has(lang) {
		return nil, "", noLanguage(call, lang)
	}
	v, answer, err := c.host.View(ctx, offer, rtc.ViewOptions{Clock: call.Clock, StreamID: fmt.Sprintf("%s-%s", id, lang)})
	if err != nil {
		return nil, "", refuseOffer(ctx, err)
	}
	var sink media.Sink = v
	if c.member != nil {
		sink = fenced{v, c.member.Acting}
	}
	a, err := call.Subscribe(lang, sink)
	if err != nil {
		return nil, "", errors.Join(refuse(err), v.Close())
	}
	return viewer{v, a}, answer, nil
}

// viewer leaves its dub when it is closed.
type viewer struct {
	*rtc.Viewer
	at *fanout.Subscription
}

func (v viewer) Close() error {
	v.at.Close()
	return v.Viewer.Close()
}

// refuse says in the endpoints' words what the session or the media port said.
func refuse(err error) error {
	for _, k := range []struct {
		is  error
		now *signaling.Kind
	}{
		{spec.ErrNotFound, signaling.ErrNotFound},
		{spec.ErrBusy, signaling.ErrBusy},
		{spec.ErrFull, signaling.ErrFull},
		{spec.ErrExists, signaling.ErrExists},
		{spec.ErrNoLips, signaling.ErrNoLips},
		{inference.ErrUnsupported, signaling.ErrUnsupportedPair},
		{spec.ErrInvalid, signaling.ErrBadRequest}, // of which the line above is a kind
		{rtc.ErrNoCodec, signaling.ErrNoCodec},
		{rtc.ErrClosed, signaling.ErrClosing},
	} {
		if errors.Is(err, k.is) {
			return k.now.Because(err)
		}
	}
	return err
}

// refuseOffer says what was wrong with an offer that the media port did not take.
func refuseOffer(ctx context.Context, err error) error {
	if ctx.Err() != nil || errors.Is(err, rtc.ErrNoCodec) || errors.Is(err, rtc.ErrClosed) {
		return refuse(err)
	}
	return signaling.ErrBadOffer.Because(err)
}

// info is a call as clients see it.
func (c *calls) info(call *live.Call) signaling.Info {
	st := call.State()
	now := call.Clock.Now().Seconds()
	out := signaling.Info{
		ID: call.Spec.ID, Epoch: call.Epoch, From: call.Spec.From, To: call.Targets(), Profile: string(call.Spec.Profile),
		DelayMS: int(call.Spec.Delay.Milliseconds()), State: call.Phase(), Badge: st.Badge, OwnVoice: st.OwnVoice, Dumps: st.Dumps, Words: call.Words(),
		Created: call.Created, Now: &now, Dubs: map[inference.Lang]signaling.DubInfo{}, Stages: map[string]signaling.StageInfo{},
	}
	out.Recording = c.kept.state(call.Epoch)
	out.Outputs, _ = c.outputs.Outputs(out.ID) // of a call that has just begun there are none
	if k := st.Mouths; k != nil {
		out.Mouths = &signaling.MouthsInfo{Known: k.Mouths, Enough: k.Enough, Speech: k.Speech.Seconds()}
		if k.Reached {
			out.Mouths.Ready = new(k.Ready.Seconds())
		}
	}
	out.Kept = keptMouths(st, call.Spec.Mouths)
	if st.Consent.Given {
		out.Consent = &st.Consent.At
	}
	if c.member != nil {
		out.Fence = c.member.Fence(out.ID)
	}
	if until := c.manager.Drained(); !until.IsZero() {
		out.DrainingUntil = &until
	}
	for name, stage := range st.Stages {
		out.Stages[name] = signaling.StageInfo{LagMS: float64(stage.Lag.Microseconds()) / 1000, Dropped: stage.Dropped}
	}
	for _, d := range st.Dubs {
		is := dubInfo(d, *call.Spec.Delay)
		is.DubControls = dubControls(d, d.Lang == call.Spec.From)
		out.Dubs[d.Lang] = is
	}
	return out
}

// maxPhrases is how many of a dub's last phrases are told.
const maxPhrases = 12

func dubInfo(d spec.DubState, delay time.Duration) signaling.DubInfo {
	f := report.Live(d, delay)
	out := signaling.DubInfo{
		Ladder: string(d.Level), Why: d.Why, Lips: string(d.Lips),
		LateMS:         signaling.Figures{"p50": f.Late.P50, "p95": f.Late.P95},
		EarVoiceSpanMS: signaling.Figures{"p50": f.Span.P50, "p95": f.Span.P95},
		AVOffsetMS:     signaling.Figures{"p1": f.AVOffset.P1, "p50": f.AVOffset.P50, "p99": f.AVOffset.P99},
		Frames: map[string]int{
			"in": f.Frames.In, "out": f.Frames.Out, "own": f.Frames.Own, "warp": f.Frames.Warp, "net": f.Frames.Net,
			"untouched": f.Frames.Untouched, "dropped": f.Frames.Dropped,
		},
		Viewers: d.Viewers, TermsMissed: d.Missed,
		Loudness: (*signaling.Loudness)(d.Loudness.Live), Program: (*signaling.Loudness)(d.Loudness.Program),
	}
	for _, r := range d.Records[max(0, len(d.Records)-maxPhrases):] {
		out.Phrases = append(out.Phrases, phraseInfo(r))
	}
	return out
}

func phraseInfo(r spec.Record) signaling.Phrase {
	p := signaling.Phrase{
		ID: r.Phrase.ID, SourceText: r.Phrase.Text, Text: r.Text,
		SourceStart: r.Phrase.Start.Seconds(), SourceEnd: r.Phrase.End.Seconds(), Fate: string(r.Outcome),
		Steps: signaling.Steps{
			HeardAt: r.HeardAt.Seconds(), ReadyAt: r.ReadyAt.Seconds(),
			TranslateMS: float64(r.TranslateTook.Microseconds()) / 1000, SpeakMS: float64(r.SpeakTook.Microseconds()) / 1000,
		},
	}
	if s := report.Longest(r); s != nil {
		p.Slowest = new(signaling.Slowest(*s))
	}
	if r.Outcome == spec.Played {
		start, end, late := r.DubStart.Seconds(), r.DubEnd.Seconds(), float64(r.Late.Microseconds())/1000
		p.DubStart, p.DubEnd, p.LateMS = &start, &end, &late
	}
	return p
}
