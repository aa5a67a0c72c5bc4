package ingest

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
	"strings"
	"time"

	"livedub/media/pace"
	"livedub/signaling"
	"livedub/signaling/access"
)

// Config is whom a door lets in.
type Config struct {
	Sessions        Sessions
	Access          *signaling.Access
	Keys            Keys         // nil for none
	PerAddress, All int          // publishers of an address, and of all; 0 for no bound
	Log             *slog.Logger // nil for none
}

// Door lets publishers in, by any protocol.
type Door struct {
	cfg    Config
	log    *slog.Logger
	gate   *signaling.Gate // of those who ask, and who publish
	places *signaling.Quota
	limit  *signaling.Limiter
	counts counts
}

// New returns a door; Close shuts it.
func New(c Config) *Door {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Door{
		cfg: c, log: c.Log, gate: signaling.NewGate(0, "publishers"), limit: signaling.NewLimiter(),
		places: signaling.NewQuota("publishers", c.PerAddress, c.All), counts: newCounts(),
	}
}

// Close lets nobody in any more, ends all who publish, and waits for them.
func (d *Door) Close() { d.gate.Close() }

const admitTime = 10 * time.Second

// Serve lets somebody in, and returns when they have left, or were refused.
func (d *Door) Serve(ctx context.Context, conn Conn) {
	ask := conn.Ask()
	d.counts.ask(ask.Protocol)
	ctx = signaling.Came(ctx, ask.From)
	begun := false
	err := d.gate.Enter()
	if err == nil {
		defer d.gate.Leave()
		begun, err = d.serve(ctx, conn, ask)
	}
	if err == nil {
		return
	}
	if begun {
		d.counts.refuse(ask.Protocol, "gone")
		d.log.Info("publisher gone before it began", "protocol", ask.Protocol, "address", ask.From.String(), "err", err)
		return
	}
	why := signaling.Explain(err)
	d.counts.refuse(ask.Protocol, why.Kind.Code)
	// What they asked for may be a key, or have been meant for one.
	log := d.log.With("protocol", ask.Protocol, "address", ask.From.String())
	switch why.Kind {
	case signaling.ErrInternal:
		log.Error("publisher refused", "err", err)
	case signaling.ErrNotFound, signaling.ErrBusy, signaling.ErrExists: // which may repeat the name
		log.Info("publisher refused", "reason", why.Kind.Code)
	default:
		log.Info("publisher refused", "reason", why.Kind.Code, "err", err)
	}
	conn.Refuse(why)
}

// serve returns an error for one that is not taken, and whether Begin was called.
func (d *Door) serve(ctx context.Context, conn Conn, ask Ask) (begun bool, err error) {
	release, err := d.places.Take(ctx)
	if err != nil {
		return false, err
	}
	defer release()
	asking, cancel := context.WithTimeout(ctx, admitTime)
	defer cancel()
	defer context.AfterFunc(d.gate.Context(), cancel)()
	came, who, key, err := d.admit(asking, ask)
	if err != nil {
		if d.gate.Context().Err() != nil {
			err = signaling.ErrClosing
		}
		return false, err
	}
	p, begun, err := d.feed(came.Session.ID, conn)
	if err != nil {
		signaling.Undo(d.cfg.Sessions, came)
		return begun, err
	}
	if came.Created {
		who.Audit("created", came.Grant, came.Session.ID)
	}
	who.Audit("published", came.Grant, came.Session.ID, "protocol", ask.Protocol)
	bind := came.Grant.Bound
	if key != nil && key.Bound != nil {
		bind = key.Bound
	}
	bound, stop := bind(ctx)
	defer stop()
	d.outlive(bound, p, came.Session.ID, ask.Protocol)
	return true, nil
}

// Pull has a session dub somebody whom the operator named, and returns when they have
// left: an error where they were not taken.
func (d *Door) Pull(ctx context.Context, id string, conn Conn) error {
	ask := conn.Ask()
	d.counts.ask(ask.Protocol)
	if err := d.gate.Enter(); err != nil {
		d.counts.refuse(ask.Protocol, signaling.ErrClosing.Code)
		return err
	}
	defer d.gate.Leave()
	p, _, err := d.feed(id, conn)
	if err != nil {
		reason := "gone"
		if why := signaling.Explain(err); why.Kind != signaling.ErrInternal {
			reason = why.Kind.Code
		}
		d.counts.refuse(ask.Protocol, reason)
		return err
	}
	d.log.Info("session pulled", "audit", "pulled", "session", id, "protocol", ask.Protocol)
	d.outlive(ctx, p, id, ask.Protocol)
	return nil
}

// feed begins, unless the session has a publisher; begun tells whether it did.
func (d *Door) feed(id string, conn Conn) (p Publisher, begun bool, err error) {
	err = d.cfg.Sessions.Feed(id, func(c pace.Clock) (Publisher, error) {
		begun = true
		var err error
		p, err = conn.Begin(c)
		return p, err
	})
	return p, begun, err
}

// outlive waits for the publisher's end, or ends it with the door or with ctx, and tells.
func (d *Door) outlive(ctx context.Context, p Publisher, id, protocol string) {
	leave := d.counts.begin(protocol, p)
	defer leave()
	select {
	case <-p.Done():
	case <-d.gate.Context().Done():
	case <-ctx.Done():
	}
	why := context.Cause(ctx)
	if err := p.Close(); err != nil {
		d.log.Debug("publisher closed", "err", err)
	}
	args := []any{"session", id, "protocol", protocol, "bytes", p.Received()}
	if why = cmp.Or(why, p.Err()); why != nil {
		args = append(args, "err", why)
	}
	d.log.Info("publisher gone", args...)
}

// keyPrefix begins every stream key. What begins so and is none is no session's name
// either: it would be told to all who list them.
const keyPrefix = "ldk_"

// admit returns the session that somebody may publish in.
func (d *Door) admit(ctx context.Context, ask Ask) (signaling.Joined, *signaling.Caller, *Key, error) {
	no := func(err error) (signaling.Joined, *signaling.Caller, *Key, error) {
		return signaling.Joined{}, nil, nil, err
	}
	if err := d.limit.AllowFrom(ctx); err != nil {
		return no(err)
	}
	if d.cfg.Keys != nil {
		key, ok, err := d.cfg.Keys(ctx, ask.Name)
		switch {
		case err != nil:
			return no(err)
		case ok:
			who := d.cfg.Access.Keyed(ask.From)
			if err := d.fetch(ctx, key.Request.ID, who); err != nil {
				return no(err)
			}
			came, err := signaling.Enter(ctx, d.cfg.Sessions, who, key.Request)
			return came, who, &key, err
		}
	}
	name, token := access.Cut(ask.Name)
	if strings.HasPrefix(name, keyPrefix) || name == "" {
		return no(signaling.Nothing())
	}
	query := maps.Clone(ask.Query)
	token = cmp.Or(token, query.Get("token"))
	query.Del("token")
	who := d.cfg.Access.Peer(ask.From, token)
	if err := d.fetch(ctx, name, who); err != nil {
		return no(err)
	}
	r := signaling.Request{ID: name}
	if _, err := d.cfg.Sessions.Get(name); errors.Is(err, signaling.ErrNotFound) && who.MayName(name) {
		if r, err = signaling.QueryRequest(name, query); err != nil {
			return no(err)
		}
		if !query.Has("consent") {
			r.Consent = who.Here() // then it is the operator who speaks
		}
	}
	came, err := signaling.Enter(ctx, d.cfg.Sessions, who, r)
	return came, who, nil, err
}

// fetch has a session come here where somebody may publish in it.
func (d *Door) fetch(ctx context.Context, id string, who *signaling.Caller) error {
	return d.cfg.Sessions.Fetch(ctx, id, func(i signaling.Info) bool { return who.Grant(i).Publish() })
}
