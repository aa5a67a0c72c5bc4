package push

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"livedub/media/rtmp"
	"livedub/media/srt"
)

// Address is where an output goes.
type Address struct {
	rtmp *rtmp.Target // or
	srt  *SRT

	secrets []string
	shown   string
}

// SRT is a listener.
type SRT struct {
	Addr string // host:port
	srt.PushOptions
}

// mostURL is how long an address may be.
const mostURL = 2048

// hidden stands for what is a secret.
const hidden = "…"

// ParseAddress reads the address of an output: rtmp://HOST/APP/KEY, rtmps://HOST/APP/KEY or
// srt://HOST:PORT?streamid=ID&passphrase=WORDS&latency=MILLISECONDS. Its errors tell no secret.
func ParseAddress(s string) (Address, error) {
	if len(s) > mostURL {
		return Address{}, fmt.Errorf("it has %d characters; %d at most", len(s), mostURL)
	}
	scheme, _, _ := strings.Cut(s, "://")
	switch scheme {
	case "rtmp", "rtmps":
		t, err := rtmp.ParseTarget(s)
		if err != nil {
			return Address{}, err
		}
		out := Address{rtmp: &t, shown: scheme + "://" + t.Addr + "/" + t.App}
		if t.Key != "" {
			out.shown += "/" + hidden
			out.secret(t.Key)
			path, query, _ := strings.Cut(t.Key, "?")
			out.secret(path)
			out.secret(query)
		}
		return out, nil
	case "srt":
		return parseSRT(s)
	}
	return Address{}, errors.New("it begins with none of rtmp://, rtmps:// and srt://")
}

func parseSRT(s string) (Address, error) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || u.Port() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
		return Address{}, errors.New("it is no address, as srt://live.example.com:8890?streamid=publish:talk")
	}
	if _, _, err := net.SplitHostPort(net.JoinHostPort(u.Hostname(), u.Port())); err != nil { // as of "]"
		return Address{}, errors.New("its host is none")
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Address{}, errors.New("what follows its ? cannot be read")
	}
	out := Address{srt: &SRT{Addr: net.JoinHostPort(u.Hostname(), u.Port())}, shown: "srt://" + net.JoinHostPort(u.Hostname(), u.Port())}
	for key, values := range q {
		v := values[len(values)-1]
		switch key {
		case "streamid":
			out.srt.StreamID = v
			out.secret(v)
			if len(v) > srt.MostStreamID {
				return Address{}, fmt.Errorf("its streamid has %d characters; %d at most", len(v), srt.MostStreamID)
			}
		case "passphrase":
			out.srt.Passphrase = v
			out.secret(v)
			if len(v) < srt.ShortestSecret || len(v) > srt.LongestSecret {
				return Address{}, fmt.Errorf("its passphrase has %d characters; %d to %d are wanted", len(v), srt.ShortestSecret, srt.LongestSecret)
			}
		case "latency":
			ms, err := strconv.Atoi(v)
			out.srt.Latency = time.Duration(min(max(ms, 0), 1<<20)) * time.Millisecond
			if err != nil || ms < 0 || out.srt.Latency > srt.LongestLatency {
				return Address{}, fmt.Errorf("its latency is no number of milliseconds up to %d", srt.LongestLatency.Milliseconds())
			}
		case "mode":
			if v != "caller" {
				return Address{}, errors.New("its mode is not caller: this server calls")
			}
		case "transtype", "pkt_size":
		default:
			return Address{}, errors.New("it has a parameter beside streamid, passphrase, latency and mode")
		}
	}
	if out.srt.StreamID != "" {
		out.shown += "?streamid=" + hidden
	}
	return out, nil
}

// String returns the address with its secrets hidden.
func (a Address) String() string { return a.shown }

// Host returns the host's name or address.
func (a Address) Host() string {
	addr := ""
	if a.rtmp != nil {
		addr = a.rtmp.Addr
	} else if a.srt != nil {
		addr = a.srt.Addr
	}
	host, _, _ := net.SplitHostPort(addr) // it was joined
	return host
}

// RTMP returns the server, nil where there is none.
func (a Address) RTMP() *rtmp.Target { return a.rtmp }

// SRT returns the listener, nil where there is none.
func (a Address) SRT() *SRT { return a.srt }

// telling is how many characters of a secret tell of it.
const telling = 6

func (a *Address) secret(s string) {
	if s == "" {
		return
	}
	a.secrets = append(a.secrets, s)
	if plain, err := url.PathUnescape(s); err == nil && plain != s {
		a.secrets = append(a.secrets, plain)
	}
	if escaped := url.QueryEscape(s); escaped != s {
		a.secrets = append(a.secrets, escaped)
	}
}

// hide returns what may be told of a text, which others may have written: nothing that
// has as much of a secret as tells of it.
func (a Address) hide(text string) string {
	lower := strings.ToLower(text)
	for _, s := range a.secrets {
		s = strings.ToLower(s)
		n := min(len(s), telling)
		for i := 0; i+n <= len(s); i++ {
			if strings.Contains(lower, s[i:i+n]) {
				return "the far end says something that has a part of the key in it, which is not shown"
			}
		}
	}
	return text
}
