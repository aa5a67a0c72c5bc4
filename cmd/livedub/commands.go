package main

import (
	"context"
	"io"
)

// command is one word after livedub.
type command struct {
	name string
	help string // one line
	run  func(ctx context.Context, args []string, stdout, stderr io.Writer) error
}

// commands returns every command, in the order help lists them.
func commands() []command {
	return []command{
		{"serve", "run the server", runServe},
		{"dub", "dub a file", runDub},
		{"bench", "measure speed and memory on this machine", runBench},
		{"verify-scaleout", "measure how fast an Auto Scaling group in your AWS account grows", runVerifyScaleout},
		{"migrate", "make the tables of a PostgreSQL database, or bring them up to date", runMigrate},
		{"recordings", "list, fetch, delete and repair what was recorded", runRecordings},
		{"key", "make, list, replace and remove stream keys for broadcasters", runKey},
		{"token", "make, show and revoke tokens for those who publish and watch", runToken},
		{"mouths", "list and erase speakers' mouths that are kept", runMouths},
		{"models", "list, download, check and remove models", runModels},
		{"doctor", "tell which engines, codecs and devices work here", runDoctor},
	}
}
