// Package ingest is the door for broadcasters: whoever publishes by RTMP or SRT, or is
// pulled from elsewhere, is let into a session by the same rights and the same words
// as at the WHIP endpoint, or by a stream key.
package ingest

import (
	"context"
	"net/netip"
	"net/url"
	"time"

	"livedub/media"
	"livedub/media/pace"
	"livedub/signaling"
)

// Ask is what somebody wants to publish.
type Ask struct {
	Protocol string // "rtmp", "rtmps", "srt", "hls", "whep"
	From     netip.Addr
	Name     string     // of a session, with or without a capability behind it, or a stream key
	Query    url.Values // as at the WHIP endpoint, and `token`: a capability, or the operator's token
}

// Conn is somebody who asks to publish. Begin or Refuse follows, once.
type Conn interface {
	Ask() Ask
	// Begin takes them. What they send has its times on the clock.
	Begin(c pace.Clock) (Publisher, error)
	// Refuse tells them why they are not taken, as well as their protocol can, and hangs up.
	Refuse(why signaling.Error)
}

// Publisher is a source that comes over a network.
type Publisher interface {
	media.Source
	Ready(ctx context.Context) error
	Silent() time.Duration
	Done() <-chan struct{}
	// Err returns why it has ended, once it has; nil where the far end just left.
	Err() error
	// Received returns how many bytes have come.
	Received() uint64
}

// Key is what a stream key stands for.
type Key struct {
	Request signaling.Request // ID is the session's name
	// Bound, if set, returns a context that ends, with a cause, once the key is taken back.
	Bound func(context.Context) (context.Context, context.CancelFunc)
}

// Keys returns what a stream key stands for; false for one that nobody was given.
type Keys func(ctx context.Context, key string) (Key, bool, error)

// Sessions are where publishers go.
type Sessions interface {
	signaling.Keeper
	// Fetch has a session that another node of the cluster holds come here, where may says
	// that who asks may publish in it. It fails with ErrBusy where somebody publishes there.
	// One that nobody holds is none: fine.
	Fetch(ctx context.Context, id string, may func(signaling.Info) bool) error
	// Feed has a session dub what begin begins, unless somebody publishes there already
	// (ErrBusy). The session closes it when it is through with it.
	Feed(id string, begin func(pace.Clock) (Publisher, error)) error
}
