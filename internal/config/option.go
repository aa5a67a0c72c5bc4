package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// option is one setting, bound to a field of one Config.
type option struct {
	key   string // path in the file: "session.delay_ms"
	def   string // default, as set reads it
	help  string // one line, no stop
	limit string // what is allowed, for people; "" if anything
	kind  kind
	noun  string             // of a list: what one value is, in --help
	set   func(string) error // reads, checks and stores; its error says what is allowed
	get   func() string      // the stored value, as set reads it
	mask  func() string      // of one that holds a secret: the stored value without it, for people; else nil
}

// isSet is what stands for a secret where one is.
const isSet = "(set)"

// secret marks an option whose whole value is nobody's to read.
func secret(o option) option {
	o.mask = func() string { return isSet }
	return o
}

// kind is what a value looks like in the file.
type kind string

const (
	kindText     kind = "text"
	kindInteger  kind = "whole number"
	kindDecimal  kind = "number"
	kindDuration kind = "duration like 4s or 300ms"
	kindSwitch   kind = "true or false"
	kindList     kind = "list of texts" // none of which holds a space: set and get take them so separated
)

// section returns the part of the key before the dot.
func (o option) section() string { s, _, _ := strings.Cut(o.key, "."); return s }

// leaf returns the part of the key after the dot.
func (o option) leaf() string { _, l, _ := strings.Cut(o.key, "."); return l }

// variable returns the name of the environment variable: LIVEDUB_SESSION_DELAY_MS.
func (o option) variable() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(o.key, ".", "_"))
}

// flag returns the name of the flag: "video-preset". Sections serve and session
// are what the commands are about, so their flags go without: "listen",
// "delay-ms"; and so does the badge's. A list's flag is given once for each:
// "ice-server"; a manifest's is what it is for: "lips".
func (o option) flag() string {
	name := strings.TrimSuffix(o.key, ".manifest")
	if s := o.section(); s == "serve" || s == "session" || strings.HasPrefix(o.leaf(), "badge") {
		name = o.leaf()
	}
	if o.kind == kindList {
		if stem, ok := strings.CutSuffix(name, "ies"); ok {
			name = stem + "ys"
		}
		name = strings.TrimSuffix(name, "s")
	}
	return strings.NewReplacer(".", "-", "_", "-").Replace(name)
}

// usage returns the help with what is allowed.
func (o option) usage() string {
	if o.limit == "" {
		return o.help
	}
	return o.help + " (" + o.limit + ")"
}

func text(p *string, key, def, help string, check func(string) error) option {
	return option{key: key, def: def, help: help, kind: kindText,
		get: func() string { return *p },
		set: func(s string) error {
			if !utf8.ValidString(s) {
				return fmt.Errorf("%s is not UTF-8", show(s))
			}
			if check != nil {
				if err := check(s); err != nil {
					return err
				}
			}
			*p = s
			return nil
		}}
}

func choice(p *string, key, def, help string, allowed ...string) option {
	limit := strings.Join(allowed, ", ")
	o := text(p, key, def, help, func(s string) error {
		if !slices.Contains(allowed, s) {
			return fmt.Errorf("%s is not one of %s", show(s), limit)
		}
		return nil
	})
	o.limit = limit
	return o
}

func boolean(p *bool, key string, def bool, help string) option {
	return option{key: key, def: strconv.FormatBool(def), help: help, kind: kindSwitch,
		get: func() string { return strconv.FormatBool(*p) },
		set: func(s string) error {
			switch s {
			case "true", "false":
				*p = s == "true"
				return nil
			}
			return fmt.Errorf("%s is neither true nor false", show(s))
		}}
}

func integer(p *int, key string, def int, help string, low, high int) option {
	limit := fmt.Sprintf("%d..%d", low, high)
	return option{key: key, def: strconv.Itoa(def), help: help, limit: limit, kind: kindInteger,
		get: func() string { return strconv.Itoa(*p) },
		set: func(s string) error {
			v, err := strconv.Atoi(s)
			if err != nil {
				return fmt.Errorf("%s is not a whole number in %s", show(s), limit)
			}
			if v < low || v > high {
				return fmt.Errorf("%d is outside %s", v, limit)
			}
			*p = v
			return nil
		}}
}

func decimal(p *float64, key string, def float64, help string, low, high float64) option {
	limit := fmt.Sprintf("%g..%g", low, high)
	print := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	return option{key: key, def: print(def), help: help, limit: limit, kind: kindDecimal,
		get: func() string { return print(*p) },
		set: func(s string) error {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return fmt.Errorf("%s is not a number in %s", show(s), limit)
			}
			if !(v >= low && v <= high) { // written so that NaN fails
				return fmt.Errorf("%g is outside %s", v, limit)
			}
			*p = v
			return nil
		}}
}

// lufs is a loudness, or off, which is kept as 0.
func lufs(p *float64, key, def, help string) option {
	const low, high = -36., -10.
	limit := fmt.Sprintf("off, or %g..%g", low, high)
	return option{key: key, def: def, help: help, limit: limit, kind: kindText,
		get: func() string {
			if *p == 0 {
				return "off"
			}
			return strconv.FormatFloat(*p, 'f', -1, 64)
		},
		set: func(s string) error {
			if s == "off" {
				*p = 0
				return nil
			}
			v, err := strconv.ParseFloat(s, 64)
			if err != nil || !(v >= low && v <= high) { // written so that NaN fails
				return fmt.Errorf("%s is neither off nor a loudness in %g..%g", show(s), low, high)
			}
			*p = v
			return nil
		}}
}

func duration(p *time.Duration, key string, def time.Duration, help string, low, high time.Duration) option {
	limit := brief(low) + ".." + brief(high)
	return option{key: key, def: brief(def), help: help, limit: limit, kind: kindDuration,
		get: func() string { return brief(*p) },
		set: func(s string) error {
			v, err := time.ParseDuration(s)
			if err != nil {
				return fmt.Errorf("%s is not a %s in %s", show(s), kindDuration, limit)
			}
			if v < low || v > high {
				return fmt.Errorf("%s is outside %s", show(s), limit)
			}
			*p = v
			return nil
		}}
}

// brief writes d without the zero parts that String adds: 10m0s is 10m.
func brief(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func hostPort(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return fmt.Errorf("%s is not HOST:PORT, as 127.0.0.1:8080", show(s))
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%s: port is outside 0..65535", show(s))
	}
	return nil
}

// passphrase is of SRT, which takes no other lengths.
func passphrase(s string) error {
	if len(s) < 10 || len(s) > 79 {
		return fmt.Errorf("it has %d characters; 10 to 79 are wanted", len(s))
	}
	return nil
}

func publicIP(s string) error {
	if s != "" && net.ParseIP(s) == nil {
		return fmt.Errorf("%s is no IP address, as 203.0.113.7", show(s))
	}
	return nil
}

// metricNamespace checks what CloudWatch takes; names that begin with AWS/ are its own.
func metricNamespace(s string) error {
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(".-_/#:", r))
	}
	if s == "" || len(s) > 255 || strings.HasPrefix(s, "AWS/") || strings.HasPrefix(s, ":") || strings.ContainsFunc(s, odd) {
		return fmt.Errorf("%s is no namespace: 1 to 255 letters, digits and .-_/#:, and neither : nor AWS/ at its beginning", show(s))
	}
	return nil
}

// show quotes foreign text for a one-line message and bounds its length.
func show(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}
