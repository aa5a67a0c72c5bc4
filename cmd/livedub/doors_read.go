package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"strings"

	"livedub/broadcast/push"
	"livedub/inference"
	"livedub/media/srt"
	"livedub/signaling"
	"livedub/signaling/access"
)

// players are those who call by SRT to receive a session: as WHEP's viewers by rights.
type players struct {
	calls  *calls
	access *signaling.Access
	places *signaling.Quota
	limit  *signaling.Limiter
	log    *slog.Logger
}

// serve sends a caller what they ask for, and returns when they have left, or were refused.
func (p players) serve(ctx context.Context, c *srt.Conn) {
	ctx = signaling.Came(ctx, c.From())
	accepted := false
	err := p.show(ctx, c, &accepted)
	if err == nil {
		return
	}
	why := signaling.Explain(err)
	p.log.Info("no player", "protocol", "srt", "address", c.From().String(), "reason", why.Kind.Code)
	if !accepted {
		srtConn{c}.Refuse(why)
	}
}

func (p players) show(ctx context.Context, c *srt.Conn, accepted *bool) error {
	release, err := p.places.Take(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := p.limit.AllowFrom(ctx); err != nil {
		return err
	}
	name, token := access.Cut(c.Name)
	who := p.access.Peer(c.From(), cmp.Or(token, c.Query.Get("token")))
	info, grant, err := signaling.Find(p.calls, who, name)
	if err != nil {
		return err
	}
	langs := asked(c.Query["lang"])
	if len(langs) == 0 {
		for _, l := range append(info.To, info.From) {
			if grant.Watch(l) {
				langs = append(langs, string(l))
			}
		}
	}
	for _, l := range langs {
		if !grant.Watch(inference.Lang(l)) {
			return signaling.Nothing()
		}
	}
	if len(langs) == 0 {
		return signaling.Nothing()
	}
	ctx, stop := grant.Bound(ctx)
	defer stop()
	err = p.calls.outputs.Show(ctx, name, langs, func() (*srt.Pusher, error) {
		*accepted = true
		who.Audit("watched", grant, name, "protocol", "srt", "lang", strings.Join(langs, ","))
		return c.Send()
	})
	switch {
	case errors.Is(err, push.ErrNotFound), errors.Is(err, push.ErrInvalid):
		return signaling.Nothing()
	case *accepted && err != nil: // it has begun: how it ended is told by what they see
		p.log.Debug("player gone", "session", name, "err", err)
		return nil
	}
	return err
}

// asked returns languages, which may be joined by commas.
func asked(query []string) (langs []string) {
	for _, q := range query {
		for l := range strings.SplitSeq(q, ",") {
			if l != "" {
				langs = append(langs, l)
			}
		}
	}
	return langs
}
