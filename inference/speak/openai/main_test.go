package openai

import (
	"testing"

	"livedub/internal/worker/workertest"
)

var workerPath string

func TestMain(m *testing.M) { workertest.Main(m, "espeakworker", &workerPath) }
