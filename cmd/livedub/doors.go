package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"livedub/internal/config"
	"livedub/internal/netlimit"
	"livedub/media/pace"
	"livedub/media/rtmp"
	"livedub/media/srt"
	"livedub/signaling"
	"livedub/signaling/ingest"
	"livedub/signaling/serving"
	"livedub/signaling/streamkey"
)

// doors are where encoders publish, beside WHIP.
type doors struct {
	door    *ingest.Door
	players players // who receive by SRT
	pulls   *pulls
	run     []func(context.Context) error // each takes who comes at one address, until its context ends
	shut    []func()                      // each closes that address
	log     *slog.Logger

	stop context.CancelFunc
	wg   sync.WaitGroup
}

// openDoors listens where the settings say. Nobody is let in before open.
func openDoors(ctx context.Context, c config.Config, d *calls, access *signaling.Access, keys *streamkey.Keys, cert *serving.Certificate, log *slog.Logger) (*doors, error) {
	out := &doors{log: log, stop: func() {}, door: ingest.New(ingest.Config{
		Sessions: broadcasts{d}, Access: access, Keys: standFor(keys), PerAddress: c.Limits.Publishers, All: c.Limits.PublishersAll, Log: log,
	})}
	out.players = players{calls: d, access: access, places: signaling.NewQuota("players", c.Limits.Viewers, c.Limits.ViewersAll), limit: signaling.NewLimiter(), log: log}
	var err error
	if out.pulls, err = newPulls(c.Serve.PullHosts, out.door, d, log); err != nil {
		return nil, err
	}
	d.pulls = out.pulls
	if c.Serve.RTMPSListen != "" && cert == nil {
		return nil, errors.New("RTMP over TLS needs a certificate: add --tls-cert and --tls-key, or leave out --rtmps-listen")
	}
	for _, at := range []struct{ protocol, addr string }{{"rtmp", c.Serve.RTMPListen}, {"rtmps", c.Serve.RTMPSListen}} {
		if at.addr == "" {
			continue
		}
		l, err := serving.Listen(ctx, at.addr, "--"+at.protocol+"-listen")
		if err != nil {
			out.Close()
			return nil, err
		}
		l = netlimit.Listen(l, netlimit.Config{Each: c.Limits.Publishers, All: c.Limits.PublishersAll})
		if at.protocol == "rtmps" {
			l = tls.NewListener(l, cert.Config())
		}
		out.rtmp(l, at.protocol)
	}
	if c.Serve.SRTListen != "" {
		if err := out.srt(c); err != nil {
			out.Close()
			return nil, fmt.Errorf("%w: --srt-listen", err)
		}
	}
	return out, nil
}

// standFor returns what stream keys stand for, and for how long.
func standFor(keys *streamkey.Keys) ingest.Keys {
	return func(ctx context.Context, key string) (ingest.Key, bool, error) {
		s, ok, err := keys.Find(ctx, key)
		return ingest.Key{Request: s.Request(), Bound: func(ctx context.Context) (context.Context, context.CancelFunc) { return keys.Bound(ctx, s) }}, ok, err
	}
}

// rtmp takes encoders at l.
func (d *doors) rtmp(l net.Listener, protocol string) {
	s := &rtmp.Server{
		Serve:  func(ctx context.Context, c *rtmp.Conn) { d.door.Serve(ctx, rtmpConn{c, protocol}) },
		Failed: d.failed(protocol),
	}
	d.run = append(d.run, func(ctx context.Context) error { return s.Run(ctx, l) })
	d.shut = append(d.shut, func() { _ = l.Close() }) // it may be closed already
	d.log.Info("encoders may publish", "protocol", protocol, "addr", l.Addr().String())
}

// srt takes encoders where the settings say.
func (d *doors) srt(c config.Config) error {
	l, err := srt.Listen(c.Serve.SRTListen)
	if err != nil {
		return err
	}
	s := &srt.Server{
		Passphrase: c.Serve.SRTPassphrase, Most: c.Limits.PublishersAll,
		Serve: func(ctx context.Context, c *srt.Conn) {
			if c.Reads {
				d.players.serve(ctx, c)
				return
			}
			d.door.Serve(ctx, srtConn{c})
		},
		Failed: d.failed("srt"),
	}
	d.run = append(d.run, func(ctx context.Context) error { return s.Run(ctx, l) })
	d.shut = append(d.shut, l.Close)
	d.log.Info("encoders may publish", "protocol", "srt", "addr", l.Addr().String(), "encrypted", c.Serve.SRTPassphrase != "")
	return nil
}

// failed returns what counts and logs those who came by a protocol and did not say what they want.
func (d *doors) failed(protocol string) func(netip.Addr, error) {
	return func(from netip.Addr, err error) {
		reason := "protocol"
		if errors.Is(err, srt.ErrPassphrase) {
			reason = "passphrase"
		}
		d.door.Unread(protocol, reason)
		d.log.Info("no publisher", "protocol", protocol, "address", from.String(), "err", err)
	}
}

// open lets publishers in.
func (d *doors) open() {
	ctx, cancel := context.WithCancel(context.Background())
	d.stop = cancel
	for _, run := range d.run {
		d.wg.Go(func() {
			if err := run(ctx); err != nil {
				d.log.Error("publishers are taken no more", "err", err)
			}
		})
	}
}

// Close ends all who publish here, and waits for them.
func (d *doors) Close() {
	d.stop()
	for _, shut := range d.shut {
		shut()
	}
	d.door.Close()
	d.pulls.Close()
	d.wg.Wait()
}

// comeBack is how long a session that a publisher has left waits for them at least.
const comeBack = 60 * time.Second

// broadcasts are the sessions of this node as publishers of other protocols than WebRTC see them.
type broadcasts struct{ *calls }

// doorKey marks contexts of those who publish by other protocols than WebRTC.
type doorKey struct{}

// byDoor tells whether a session is created for who publishes here by such a protocol:
// no gateway has found it a place.
func byDoor(ctx context.Context) bool { return ctx.Value(doorKey{}) != nil }

// Create creates a session; in a cluster it finds itself a place, and is this node's.
func (b broadcasts) Create(ctx context.Context, r signaling.Request) (signaling.Info, error) {
	return b.calls.Create(context.WithValue(ctx, doorKey{}, true), r)
}

// Fetch has a session come here that another node of the cluster holds.
func (b broadcasts) Fetch(ctx context.Context, id string, may func(signaling.Info) bool) error {
	if b.member == nil {
		return nil
	}
	return b.member.Bring(ctx, id, may)
}

// Feed has a session dub a publisher.
func (b broadcasts) Feed(id string, begin func(pace.Clock) (ingest.Publisher, error)) error {
	call, err := b.manager.Get(id)
	if err != nil {
		return refuse(err)
	}
	if err := call.Vacant(); err != nil {
		return refuse(err)
	}
	p, err := begin(call.Clock)
	if err != nil {
		return err
	}
	if err := call.Publish(p); err != nil {
		return errors.Join(refuse(err), p.Close())
	}
	call.StayFor(comeBack)
	return nil
}
