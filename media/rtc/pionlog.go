package rtc

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/pion/logging"
)

// pionLogs hands what pion has to say to our logger: its warnings are of
// hostile or lost peers, which is our debug level.
type pionLogs struct{ log *slog.Logger }

func (l pionLogs) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{l.log.With("pion", scope)}
}

type pionLog struct{ log *slog.Logger }

func (l pionLog) say(text string) { l.log.Debug(text) }

func (l pionLog) sayf(format string, args []any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(fmt.Sprintf(format, args...))
	}
}

func (l pionLog) Trace(string)                 {}
func (l pionLog) Tracef(string, ...any)        {}
func (l pionLog) Debug(string)                 {}
func (l pionLog) Debugf(string, ...any)        {}
func (l pionLog) Info(string)                  {}
func (l pionLog) Infof(string, ...any)         {}
func (l pionLog) Warn(msg string)              { l.say(msg) }
func (l pionLog) Warnf(f string, args ...any)  { l.sayf(f, args) }
func (l pionLog) Error(msg string)             { l.say(msg) }
func (l pionLog) Errorf(f string, args ...any) { l.sayf(f, args) }
