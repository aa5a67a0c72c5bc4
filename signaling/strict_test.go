package signaling

import (
	"errors"
	"strings"
	"testing"

	"livedub/inference"
)

type sample struct {
	From    inference.Lang   `json:"from"`
	To      []inference.Lang `json:"to"`
	DelayMS *int             `json:"delay_ms"`
	Consent bool             `json:"consent"`
}

func TestDecode(t *testing.T) {
	var s sample
	if err := Decode([]byte(` {"from":"en","to":["es","ca"],"delay_ms":0,"consent":true}`), &s); err != nil {
		t.Fatal(err)
	}
	if s.From != "en" || len(s.To) != 2 || s.DelayMS == nil || *s.DelayMS != 0 || !s.Consent {
		t.Errorf("%+v", s)
	}
}

func TestDecodeSaysWhatIsWrong(t *testing.T) {
	for in, want := range map[string]string{
		``:                    "the body is empty",
		`nonsense`:            "no JSON: ",
		`{"from":"en"`:        "no JSON: unexpected end",
		`{"from":"en"} {}`:    "no JSON: invalid character",
		`["en"]`:              "not a JSON object",
		`null`:                "not a JSON object",
		`{"form":"en"}`:       `unknown field "form": did you mean "from"?`,
		`{"From":"en"}`:       `unknown field "From": did you mean "from"?`,
		`{"delay":1}`:         `did you mean "delay_ms"?`,
		`{"delay_ms":"4000"}`: `field "delay_ms": got a string, want a whole number`,
		`{"delay_ms":1.5}`:    `field "delay_ms": got a number 1.5, want a whole number`,
		`{"to":"es"}`:         `field "to": got a string, want a list`,
		`{"to":[1]}`:          `want text`,
		`{"consent":"yes"}`:   `want true or false`,
		"{\"\xff\xff\":1}":    "unknown field",
		`{"` + strings.Repeat("x", 60000) + `":1}`: "unknown field",
	} {
		err := Decode([]byte(in), &sample{})
		if !errors.Is(err, ErrBadRequest) || !strings.Contains(err.Error(), want) || len(err.Error()) > 400 {
			t.Errorf("%.40s: got %v, want %q", in, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"from":"en","to":["es"],"delay_ms":4000,"consent":true}`, `{"delay_ms":1e3}`, `{"To":[]}`, `[[[[`, "{\"\x00\":null}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		err := Decode(data, &sample{})
		if err != nil && (!errors.Is(err, ErrBadRequest) || len(err.Error()) > 1000) {
			t.Errorf("%v", err)
		}
	})
}

func FuzzCheckOffer(f *testing.F) {
	f.Add("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n")
	f.Add("v=0\x00")
	f.Fuzz(func(t *testing.T, sdp string) {
		if err := CheckOffer(sdp); err == nil && (!strings.HasPrefix(sdp, "v=0") || strings.Contains(sdp, "\x00") || len(sdp) > MaxOffer) {
			t.Errorf("accepted %q", sdp)
		}
	})
}
