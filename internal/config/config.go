// Package config reads livedub's settings: one strict YAML file, environment
// variables over it, flags over both. Every setting stands once, in the table
// of table.go; file keys, variables, flags and the sample file follow from it.
package config

import (
	"net/netip"
	"time"
)

// Config is every setting of livedub, checked. Field comments stand in the table, as help.
type Config struct {
	Serve     Serve
	Limits    Limits
	Access    Access
	Auth      Auth
	Admin     Admin
	Cluster   Cluster
	AWS       AWS
	Store     Store
	Database  Database
	S3        S3
	Session   Session
	Recognize Recognize
	Translate Translate
	Speak     Speak
	Lips      Lips
	ONNX      ONNX
	Models    Models
	Video     Video
	Log       Log
}

// Serve is how the web server listens and leaves.
type Serve struct {
	Listen         string
	TLSCert        string
	TLSKey         string
	Hosts          []string
	Drain          time.Duration
	MediaPort      int
	PublicIP       string
	ICEServers     []ICEServer
	TURNLifetime   time.Duration
	TrustedProxies []netip.Prefix
	MaxSessions    int
	SessionIdle    time.Duration
	Store          string
	Record         string
	HLS            string
	RTMPListen     string
	RTMPSListen    string
	SRTListen      string
	SRTPassphrase  string
	PullHosts      []string
	PushHosts      []string
}

// Store is where files are kept, and for how long all is.
type Store struct {
	Dir     string
	SpoolMB int
	Keep    time.Duration
}

// Database is where words are kept.
type Database struct {
	URL          string
	PasswordFile string
	Connections  int
	Timeout      time.Duration
}

// S3 is where recordings are kept.
type S3 struct {
	Bucket, Prefix    string
	Region, Endpoint  string
	PathStyle         bool
	Encryption, KMSID string
	LinkLifetime      time.Duration
}

// Limits are what one address, one session and all together may take; 0 is no bound.
type Limits struct {
	Requests          int
	Offers            int
	OffersAll         int
	Viewers           int
	ViewersSession    int
	ViewersAll        int
	Streams           int
	Websockets        int
	Unused            int
	UnusedFor         time.Duration
	Connections       int
	ConnectionsAll    int
	ICEConnections    int
	ICEConnectionsAll int
	Publishers        int
	PublishersAll     int
}

// Access is by what others than the operator come in.
type Access struct {
	Key      string
	KeyFile  string
	Lifetime time.Duration
	Open     bool
}

// Auth is whose signed tokens count, and where stream keys and revoked tokens are kept.
type Auth struct {
	JWTSecret     string
	JWTSecretFile string
	JWTPublicKey  string // file
	JWKS          string // address or file
	JWTAudience   string
	JWTIssuer     string
	JWTLeeway     time.Duration
	Dir           string
}

// Admin is how the operator comes in.
type Admin struct{ Listen, Token string }

// Cluster is where nodes and gateways find each other.
type Cluster struct {
	URL        string // of Redis
	Name       string
	Secret     string
	SecretFile string
	Policy     string
	Neural     bool
	Node, Addr string // of a node
}

// AWS is how a node is part of an Auto Scaling group.
type AWS struct {
	Enabled                        string
	Namespace                      string
	Group                          string
	LaunchingHook, TerminatingHook string
}

// Session is how one live dub runs.
type Session struct {
	Engines        string // the tier
	Profile        string
	DelayMS        int
	MaxLagMS       int
	Policy         string
	BackgroundGain float64
}

// Recognize chooses what hears, and what tells it speech from other sound.
type Recognize struct {
	Engine, ModelDir string
	Model            string
	URL, Key         string   // of a server
	Languages        []string // that it is asked for
	Worker           string
	Spare, MemoryMB  int
	VAD, VADModel    string
}

// Translate chooses what translates.
type Translate struct {
	Engine, ModesDir string
	URL, Key, Model  string   // of a server
	Languages        []string // that openai is asked for
}

// Speak chooses what speaks.
type Speak struct {
	Engine          string
	Device          string // that nets run on
	URL, Key, Model string // of a server
	Female, Male    string // its voices
	Languages       []string
	Worker          string
	Workers         int
}

// Lips chooses what re-renders the mouth, and how such frames are marked.
type Lips struct {
	Engine      string
	Manifest    string
	Badge       string
	BadgeHeight float64
	Keep        time.Duration // mouths of speakers who agree to it; 0: never
}

// ONNX is how neural nets run in this process.
type ONNX struct {
	Library       string
	Provider      string
	Device        int
	AllowFallback bool
	ChannelsLast  bool
	MemoryMB      int
	Threads       int
	TimeLimit     time.Duration
}

// Models is where the weights of neural engines lie, and which there are beside those livedub knows.
type Models struct{ Dir, Catalogue string }

// Video is how frames are decoded and encoded.
type Video struct {
	Encoder     string
	Decoder     string
	BitrateKbps int
	Preset      string
	MaxWidth    int
	MaxHeight   int
}

// Log is how the program reports on itself.
type Log struct{ Level, Format string }

// Default returns the settings that hold where nobody set any.
func Default() Config {
	var c Config
	for _, o := range table(&c) {
		if err := o.set(o.def); err != nil {
			panic("config: default of " + o.key + ": " + err.Error())
		}
	}
	return c
}
