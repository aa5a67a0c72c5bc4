package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"livedub/internal/config"
	"livedub/internal/netlimit"
	"livedub/internal/settings"
	"livedub/media/rtc"
	"livedub/session/live"
	"livedub/signaling"
	"livedub/signaling/api"
	"livedub/signaling/hls"
	"livedub/signaling/whip"
	"livedub/signaling/ws"
)

// endpoints are the ways into the server's sessions, and what stands behind them.
type endpoints struct {
	calls   *calls
	kept    *kept
	engines *engines
	api     *api.Server
	whip    *whip.Server
	ws      *ws.Server
	air     *onAir
	outputs *outputs
	hls     *hls.Server // nil where there is no HLS
	doors   *doors      // nil until they are opened
	leave   sync.Once
}

// keptRecords is how many phrases a live dub remembers.
const keptRecords = 200

// openEndpoints starts the engines, the media port and the endpoints. The caller closes them.
func openEndpoints(ctx context.Context, c config.Config, log *slog.Logger) (*endpoints, error) {
	e, err := openEngines(ctx, c, log)
	if err != nil {
		return nil, err
	}
	e.tier.settle(&c)
	e.tier.tell(log)
	lim := c.Limits
	hc := rtc.Config{MediaPort: c.Serve.MediaPort, Loopback: true, Log: log, Wrap: func(l net.Listener) net.Listener {
		return netlimit.Listen(l, netlimit.Config{Each: lim.ICEConnections, All: lim.ICEConnectionsAll})
	}}
	if c.Serve.PublicIP != "" {
		hc.PublicIPs = []string{c.Serve.PublicIP}
	}
	host, err := rtc.NewHost(hc)
	if err != nil {
		return nil, errors.Join(hinted(err), e.Close())
	}
	base := settings.Session(c)
	base.Neural = e.tier.name == "neural"
	base.KeepRecords, base.Log = keptRecords, log
	var carries func(float64) int
	if e.lipNet != nil {
		carries = e.lipNet.sessions
	}
	capacity := newCapacity(carries, readCPU)
	e.closers = append(e.closers, capacity)
	d := &endpoints{engines: e}
	d.calls = &calls{log: log, host: host, engines: e.Engines, quality: e.tier.quality, unused: lim.Unused}
	if d.kept, err = openKept(ctx, c, d.calls, e.Names, log); err != nil {
		host.Close()
		return nil, errors.Join(err, e.Close())
	}
	d.calls.kept = d.kept
	follow := d.kept.follow()
	if d.air = openAir(c, log); d.air != nil {
		follow = append(follow, d.air.Follow)
		d.hls = hls.New(hls.Config{Programs: d.air, Log: log})
	}
	d.outputs, err = openOutputs(c, log)
	if err != nil {
		d.kept.Close()
		host.Close()
		return nil, errors.Join(err, e.Close())
	}
	d.calls.outputs = d.outputs
	follow = append(follow, d.outputs.Follow)
	keeping := live.ManagerConfig{
		Follow: follow,
		Saver:  saver{d.calls}, Now: d.calls.now,
		Engines: e.Engines, Base: base, Ended: d.ended, Delay: e.tier.delay, Max: c.Serve.MaxSessions, Capacity: capacity.now, Idle: c.Serve.SessionIdle, Unused: lim.UnusedFor,
	}
	if c.Cluster.URL != "" {
		keeping.Ahead, keeping.HandOver = keptAhead, d.calls.handOver
	}
	d.calls.manager = live.NewManager(keeping)
	ice := signaling.ICEServers{Lifetime: c.Serve.TURNLifetime}
	for _, s := range c.Serve.ICEServers {
		ice.Servers = append(ice.Servers, signaling.ICESecret(s))
	}
	d.api = api.New(api.Config{
		Sessions: d.calls, ICEServers: ice, PerAddress: lim.Streams,
		Recordings: d.kept.recordings(), Record: recorded(c), HLS: d.hls != nil,
		Mouths: d.kept.erasable(), KeepsMouths: c.Lips.Keep > 0, Outputs: d.outputs,
		Refused: e.refused, Log: log,
	})
	answers := signaling.Bound(d.calls, signaling.Budget{
		PerAddress: float64(lim.Offers), PerSecond: float64(lim.OffersAll),
		ViewersEach: lim.Viewers, ViewersSession: lim.ViewersSession, Viewers: lim.ViewersAll,
	})
	d.whip = whip.New(whip.Config{Sessions: answers, ICEServers: ice, Log: log})
	d.ws = ws.New(ws.Config{Sessions: answers, Events: d.calls.Events, ICEServers: ice, PerAddress: lim.Websockets, Log: log})
	return d, nil
}

// Register puts the endpoints where requests find them.
func (d *endpoints) Register(mux *http.ServeMux) {
	d.api.Register(mux)
	d.whip.Register(mux)
	d.ws.Register(mux)
	if d.hls != nil {
		d.hls.Register(mux)
	}
}

// ended tells the cluster, if any, that a session is over.
func (d *endpoints) ended(id string) {
	if d.calls.member != nil {
		d.calls.member.Ended(id)
	}
}

// Drain takes no new sessions and lets the calls go on to their end, for d at most.
func (d *endpoints) Drain(ctx context.Context, most time.Duration) { d.calls.manager.Drain(ctx, most) }

// Leave tells at every endpoint that the server is shutting down, and then ends all
// sessions: had they ended first, whoever listens would take it for the end of
// the call and not come back.
func (d *endpoints) Leave() {
	d.leave.Do(func() {
		if d.calls.member != nil {
			d.calls.member.Leaving()
		}
		ends := []func(){d.api.Close, d.ws.Close, d.whip.Close}
		if d.doors != nil {
			ends = append(ends, d.doors.Close)
		}
		if d.hls != nil {
			ends = append(ends, d.hls.Close)
		}
		var told sync.WaitGroup
		for _, end := range ends {
			told.Go(end) // together: each waits for clients that are slow to take note
		}
		told.Wait()
		d.calls.manager.Close()
	})
}

// Close ends everything that openEndpoints started.
func (d *endpoints) Close() {
	d.Leave()
	d.air.Close()
	d.kept.Close()
	d.calls.host.Close()
	d.engines.Close()
}

// hinted adds to an error of the media port which flag mends it.
func hinted(err error) error {
	switch {
	case errors.As(err, new(*rtc.PortError)):
		return fmt.Errorf("%w: --media-port", err)
	case errors.As(err, new(*rtc.AddressError)):
		return fmt.Errorf("%w: --public-ip", err)
	}
	return err
}
