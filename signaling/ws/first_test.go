package ws

import (
	"encoding/json"
	"slices"
	"testing"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/signalingtest"
)

func TestReadFirst(t *testing.T) {
	offer, _ := json.Marshal(signalingtest.Offer)
	for _, tt := range []struct {
		message, refused string
		want             First
		bye              bool
	}{
		{message: `{"v":1,"type":"bye"}`, bye: true},
		{message: `{"v":1,"type":"ping"}`},
		{message: `{"v":1,"type":"candidate","candidate":""}`, refused: "bad_request"},
		{message: `nonsense`, refused: "bad_request"},
		{message: `{"v":1,"type":"publish","sdp":""}`, refused: "bad_request"},
		{message: `{"v":1,"type":"publish","session":"s","sdp":"x"}`, refused: "bad_offer"},
		{message: `{"v":1,"type":"publish","session":"s","sdp":` + string(offer) + `}`, want: First{Session: "s", Consent: true}},
		{message: `{"v":1,"type":"view","session":"s","lang":"es","from":"en","to":["es"],"sdp":` + string(offer) + `}`, want: First{Session: "s", Consent: true, From: "en", To: []inference.Lang{"es"}}},
		{message: `{"v":1,"type":"publish","session":"s","from":"en","to":["es"],"consent":false,"sdp":` + string(offer) + `}`, want: First{Session: "s", Create: true, From: "en", To: []inference.Lang{"es"}}},
	} {
		f, answer, bye := ReadFirst([]byte(tt.message))
		if f.Session != tt.want.Session || f.Create != tt.want.Create || f.Consent != tt.want.Consent || f.From != tt.want.From || !slices.Equal(f.To, tt.want.To) || bye != tt.bye {
			t.Errorf("%s: %+v, %v", tt.message, f, bye)
		}
		if named := tt.want.Session != ""; (answer == nil) != (named || bye) || Refused(answer) != tt.refused {
			t.Errorf("%s: answered %s", tt.message, answer)
		}
	}
	if code := Refused(Refusal(signaling.ErrFull)); code != "full" {
		t.Errorf("%q", code)
	}
	for _, other := range []string{"", "nonsense", `{"v":1,"type":"answer","code":"full"}`} {
		if code := Refused([]byte(other)); code != "" {
			t.Errorf("%s: %q", other, code)
		}
	}
}

func FuzzReadFirst(f *testing.F) {
	f.Add([]byte(`{"v":1,"type":"ping"}`))
	f.Add([]byte(`{"v":1,"type":"publish","session":"s","from":"en","to":["es"],"sdp":"v=0"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, answer, bye := ReadFirst(data)
		said := 0
		for _, is := range []bool{first.Session != "", answer != nil, bye} {
			if is {
				said++
			}
		}
		if said != 1 || answer != nil && !json.Valid(answer) {
			t.Errorf("%q: %+v, %s, %v", data, first, answer, bye)
		}
		Refused(data)
	})
}
