// Package rtc brings live media in and out by WebRTC: a Publisher is a
// media.Source, a Viewer a media.Sink, and one Host holds them all on one UDP
// and TCP port, but for far ends that it calls itself. Receiver and Sender do the same for bare tracks, where the
// connection is somebody else's.
package rtc

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// Times of a connection.
const (
	connectTimeout = 10 * time.Second // from offer to media path
	iceDisconnect  = 3 * time.Second  // silence until a path counts as disturbed
	iceFail        = 5 * time.Second  // and then until it is given up
	iceKeepAlive   = time.Second
	tcpFirst       = 5 * time.Second // a TCP connection may take to say for which peer it is
)

// socketBuffer is asked of the kernel for the media socket, bytes: a keyframe to 20 viewers at once.
const socketBuffer = 4 << 20

// ErrClosed is returned by a Host after Close.
var ErrClosed = errors.New("media host is closed")

// Config says where media flows.
type Config struct {
	MediaPort int                             // one UDP port for all peers, and TCP on the same number; 0 for any free one
	PublicIPs []string                        // announced instead of the host's own addresses
	Loopback  bool                            // announce loopback addresses too: tests, and browsers on the same machine
	Wrap      func(net.Listener) net.Listener // bounds the TCP connections; nil for no bound
	Log       *slog.Logger
}

// Host owns the media port and all peers on it.
type Host struct {
	port     int
	log      *slog.Logger
	settings webrtc.SettingEngine // of peers that call us, on the one port
	calling  webrtc.SettingEngine // of those that we call: each has a UDP port of its own, see Pull
	udp      ice.UDPMux
	tcp      ice.TCPMux

	mu     sync.Mutex
	peers  map[*peer]struct{}
	ended  Totals // of those that have left
	closed bool
}

// NewHost binds the media port.
func NewHost(c Config) (*Host, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	for _, ip := range c.PublicIPs {
		if net.ParseIP(ip) == nil {
			return nil, &AddressError{ip}
		}
	}
	if c.Wrap == nil {
		c.Wrap = func(l net.Listener) net.Listener { return l }
	}
	udp, tcp, err := listen(c.MediaPort)
	if err != nil {
		return nil, err
	}
	logs := pionLogs{c.Log}
	h := &Host{
		port: udp.LocalAddr().(*net.UDPAddr).Port, log: c.Log, peers: map[*peer]struct{}{},
		udp: webrtc.NewICEUDPMux(logs.NewLogger("ice"), udp),
		tcp: ice.NewTCPMuxDefault(ice.TCPMuxParams{
			Listener: c.Wrap(tcp), Logger: logs.NewLogger("ice"), ReadBufferSize: 64, WriteBufferSize: 4 << 20,
			FirstStunBindTimeout: tcpFirst, AliveDurationForConnFromStun: tcpFirst,
		}),
	}
	s := &h.settings
	s.LoggerFactory = logs
	s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeTCP4})
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetICETimeouts(iceDisconnect, iceFail, iceKeepAlive)
	s.SetIncludeLoopbackCandidate(c.Loopback)
	s.DisableActiveTCP(true) // we connect to nobody: an offer could name any address
	if len(c.PublicIPs) > 0 {
		if err := s.SetICEAddressRewriteRules(publicRule(c)); err != nil {
			return nil, errors.Join(fmt.Errorf("public addresses %v: %w", c.PublicIPs, err), h.Close())
		}
	}
	h.calling = *s
	s.SetICEUDPMux(h.udp)
	s.SetICETCPMux(h.tcp)
	return h, nil
}

// publicRule announces public addresses: instead of our own, or beside them where loopback must stay.
func publicRule(c Config) webrtc.ICEAddressRewriteRule {
	mode := webrtc.ICEAddressRewriteReplace
	if c.Loopback {
		mode = webrtc.ICEAddressRewriteAppend
	}
	return webrtc.ICEAddressRewriteRule{External: c.PublicIPs, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: mode}
}

// listen binds a port for UDP and TCP alike.
func listen(port int) (*net.UDPConn, *net.TCPListener, error) {
	for try := 0; ; try++ {
		udp, err := net.ListenUDP("udp4", &net.UDPAddr{Port: port})
		if err != nil {
			return nil, nil, &PortError{port, "udp", err}
		}
		tcp, err := net.ListenTCP("tcp4", &net.TCPAddr{Port: udp.LocalAddr().(*net.UDPAddr).Port})
		if err == nil {
			// Best effort: the kernel's limit may be lower.
			_ = udp.SetReadBuffer(socketBuffer)
			_ = udp.SetWriteBuffer(socketBuffer)
			return udp, tcp, nil
		}
		_ = udp.Close()
		if port != 0 || try == 20 {
			return nil, nil, &PortError{port, "tcp", err}
		}
	}
}

// PortError is a media port that cannot be bound.
type PortError struct {
	Port    int
	Network string // "udp" or "tcp"
	Err     error
}

// Error tells which port, and whether it is taken.
func (e *PortError) Error() string {
	if errors.Is(e.Err, syscall.EADDRINUSE) {
		return fmt.Sprintf("media port %d/%s is taken: stop what uses it, or choose another", e.Port, e.Network)
	}
	return fmt.Sprintf("media port %d/%s: %v: choose another", e.Port, e.Network, e.Err)
}

// Unwrap returns what the system said.
func (e *PortError) Unwrap() error { return e.Err }

// AddressError is a public address that is none.
type AddressError struct{ Address string }

// Error names it.
func (e *AddressError) Error() string {
	return fmt.Sprintf("public address %q is no IP address: write it as 203.0.113.7", e.Address)
}

// Port returns the media port.
func (h *Host) Port() int { return h.port }

// Close ends every peer, waits for all they started, and frees the port.
func (h *Host) Close() error {
	h.mu.Lock()
	h.closed = true
	peers := make([]*peer, 0, len(h.peers))
	for p := range h.peers {
		peers = append(peers, p)
	}
	h.mu.Unlock()
	for _, p := range peers {
		p.end()
	}
	for _, p := range peers {
		<-p.done
	}
	return errors.Join(h.udp.Close(), h.tcp.Close())
}

// admit enters a peer; false after Close.
func (h *Host) admit(p *peer) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return false
	}
	h.peers[p] = struct{}{}
	return true
}

func (h *Host) forget(p *peer) {
	stats := p.stats()
	h.mu.Lock()
	delete(h.peers, p)
	h.ended.add(stats)
	h.mu.Unlock()
	h.log.Info("media ended", "stats", stats)
}

// Totals returns what all peers did since the host began.
func (h *Host) Totals() Totals {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.ended
	for p := range h.peers {
		t.add(p.stats())
	}
	return t
}
