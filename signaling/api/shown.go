package api

import (
	"net/url"

	"livedub/inference"
	"livedub/signaling"
	"livedub/signaling/access"
)

func (s *Server) endpoints(base string, i signaling.Info, g signaling.Grant) created {
	c := created{
		ID: i.ID, From: i.From, To: i.To, Profile: i.Profile, DelayMS: i.DelayMS,
		WHEP: map[inference.Lang]string{}, ICEServers: s.cfg.ICEServers.For(i.ID), Epoch: i.Epoch, Fence: i.Fence,
	}
	watcher := g.Brought() // whoever may only watch hands on what they have
	if g.Control() {
		watcher = g.Token(access.Watch, "")
		c.WHIP = base + signaling.WithToken("whip", i.ID, g.Token(access.Publish, ""))
		c.Control = base + signaling.WithToken("v1/sessions", i.ID, g.Token(access.Control, ""))
		c.Watch = map[inference.Lang]string{}
	}
	c.Events = base + signaling.WithToken("v1/sessions", i.ID, watcher) + "/events"
	if s.cfg.HLS && g.Look() {
		c.HLS = base + signaling.WithToken("hls", i.ID, watcher) + "/index.m3u8"
	}
	for _, l := range append([]inference.Lang{i.From}, i.To...) {
		if !g.Watch(l) {
			continue
		}
		token, lang := watcher, url.PathEscape(string(l))
		if g.Control() {
			token = g.Token(access.Watch, l)
			c.Watch[l] = base + signaling.WithToken("#/watch", i.ID, watcher) + "/" + lang
		}
		c.WHEP[l] = base + signaling.WithToken("whep", i.ID, token) + "/" + lang
	}
	return c
}

func (s *Server) show(base string, i signaling.Info, g signaling.Grant) shown {
	out := shown{
		created: s.endpoints(base, i, g), State: i.State, Consent: i.Consent != nil, ConsentAt: i.Consent, Badge: i.Badge, Created: i.Created, Now: i.Now,
		Dubs: map[inference.Lang]signaling.DubInfo{}, Stages: i.Stages, OwnVoice: i.OwnVoice, DrainingUntil: i.DrainingUntil, Mouths: i.Mouths, Recording: i.Recording,
		Dumps: i.Dumps,
	}
	if g.Control() {
		out.Words, out.KeptMouths, out.Outputs = i.Words, i.Kept, i.Outputs
	}
	for l, d := range i.Dubs { // a page reads them without asking whether they are there
		d.LateMS, d.EarVoiceSpanMS, d.AVOffsetMS = orEmpty(d.LateMS), orEmpty(d.EarVoiceSpanMS), orEmpty(d.AVOffsetMS)
		if !g.Control() {
			if !g.Watch(l) {
				continue
			}
			d.Phrases = nil // what was said before somebody came to watch
		}
		if d.Frames == nil {
			d.Frames = map[string]int{}
		}
		out.Dubs[l] = d
	}
	return out
}

func orEmpty(f signaling.Figures) signaling.Figures {
	if f == nil {
		return signaling.Figures{}
	}
	return f
}
