package onnx

/*
#include <signal.h>
#include <string.h>

enum { signals = 65 };

static void save(struct sigaction *was) {
	memset(was, 0, signals * sizeof *was);
	for (int s = 1; s < signals; s++)
		sigaction(s, NULL, &was[s]); // fails on the two that are the C library's own
}

// restore puts back each handler that was Go's. Which is Go's shows in
// SIGSEGV, which Go always handles; all that Go handles have the same one.
static int restore(const struct sigaction *was) {
	int changed = 0;
	struct sigaction now;
	for (int s = 1; s < signals; s++) {
		if (!(was[s].sa_flags & SA_SIGINFO) || was[s].sa_sigaction != was[SIGSEGV].sa_sigaction)
			continue;
		if (sigaction(s, NULL, &now) || now.sa_sigaction == was[s].sa_sigaction)
			continue;
		sigaction(s, &was[s], NULL);
		changed++;
	}
	return changed;
}
*/
import "C"

import "sync"

// signals guards what may replace handlers: two at a time would restore each
// other's.
var signals sync.Mutex

// keepSignals runs f, which loads or opens what may take signals for itself as
// CUDA's libraries do, and gives Go's handlers back: without them SIGTERM kills
// and a nil pointer is no panic that can be recovered. It returns how many were taken.
func keepSignals(f func()) int {
	signals.Lock()
	defer signals.Unlock()
	var was [C.signals]C.struct_sigaction
	C.save(&was[0])
	f()
	return int(C.restore(&was[0]))
}
