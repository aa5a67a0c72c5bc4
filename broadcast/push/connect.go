package push

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"

	"livedub/media"
	"livedub/media/mpegts"
	"livedub/media/rtmp"
	"livedub/media/srt"
)

// Network is how addresses are reached.
type Network struct {
	Dial  func(ctx context.Context, addr string) (net.Conn, error)       // host:port, by TCP
	Find  func(ctx context.Context, addr string) (netip.AddrPort, error) // for UDP
	Roots *x509.CertPool                                                 // nil for the system's
}

// Connect opens a stream to an address.
func (n Network) Connect(ctx context.Context, a Address) (Stream, error) {
	if t := a.rtmp; t != nil {
		to := *t
		to.Dial, to.Roots = n.Dial, n.Roots
		p, err := rtmp.Push(ctx, to)
		if err != nil {
			return nil, err
		}
		return rtmpStream{p}, nil
	}
	to, err := n.Find(ctx, a.srt.Addr)
	if err != nil {
		return nil, err
	}
	p, err := srt.Push(ctx, to, a.srt.PushOptions)
	if err != nil {
		return nil, err
	}
	return srtStream{p}, nil
}

type rtmpStream struct{ *rtmp.Pusher }

func (s rtmpStream) Start(tracks []Track) error {
	var all []media.Track
	for _, t := range tracks {
		all = append(all, t.Track)
	}
	return s.Pusher.Start(all)
}

func (s rtmpStream) Write(_ int, p media.Packet) error { return s.Pusher.Write(p) }

type srtStream struct{ *srt.Pusher }

func (s srtStream) Start(tracks []Track) error {
	var all []mpegts.Track
	for _, t := range tracks {
		all = append(all, mpegts.Track{Track: t.Track, Lang: t.Lang})
	}
	return s.Pusher.Start(all)
}
