package cli

import (
	"errors"
	"log/slog"
	"os"

	"github.com/spf13/pflag"

	"github.com/coretasks/core/schedules"
	"github.com/coretasks/core/sqsqueue"
)

// DefaultLocalAddr is where the embedded endpoint listens.
const DefaultLocalAddr = "127.0.0.1:4560"

// StateDir is where local commands keep their state: CORE_STATE_DIR, or .core in the working directory.
func StateDir() string {
	if dir := os.Getenv("CORE_STATE_DIR"); dir != "" {
		return dir
	}
	return ".core"
}

// settings are the flags that every command has.
type settings struct {
	local     bool
	localAddr string
	prefix    string
	results   string
	finalOnly bool
	output    string
	logFormat string
	logLevel  string

	application string
	role        string
}

func (s *settings) flags(f *pflag.FlagSet) {
	f.BoolVar(&s.local, "local", false, "use the embedded queue of 'core dev' or 'core local' instead of AWS")
	textVar(f, &s.localAddr, "local-addr", DefaultLocalAddr, address(DefaultLocalAddr), "address of the embedded queue")
	f.StringVar(&s.prefix, "queue-prefix", "", "put before every queue's name, to keep environments apart")
	f.StringVar(&s.application, "application", "", "name of the application, which its schedule groups are named after (default the last part of the module's path)")
	f.StringVar(&s.role, "scheduler-role-arn", "", "role in which EventBridge puts messages on the queues; with it, countdowns over 15 minutes become one-time schedules")
	f.StringVar(&s.results, "results", "", "where records of jobs are kept: none, sqlite://FILE or dynamodb://TABLE (default none; with --local a file in the state directory)")
	f.BoolVar(&s.finalOnly, "results-final-only", false, "write only how jobs end: one write a job instead of three, but no progress and no cancelling")
	textVar(f, &s.output, "output", "text", textOrJSON, "how to print data: text or json")
	textVar(f, &s.logFormat, "log-format", "text", textOrJSON, "how to log, on standard error: text or json")
	textVar(f, &s.logLevel, "log-level", "info", logLevel, "what to log: debug, info, warn or error")
}

func logLevel(value string) error {
	if err := new(slog.Level).UnmarshalText([]byte(value)); err != nil {
		return errors.New("use debug, info, warn or error")
	}
	return nil
}

// check looks at what no flag can tell by itself.
func (p *program) check() error {
	if err := sqsqueue.CheckPrefix(p.settings.prefix); err != nil {
		return usagef("%s: %w", p.named("queue-prefix"), err)
	}
	if name := p.settings.application; name != "" {
		if _, err := schedules.GroupName(p.settings.prefix, name); err != nil {
			return usagef("%s: %w", p.named("application"), err)
		}
	}
	if err := schedules.CheckRole(p.settings.role); err != nil {
		return usagef("%s: %w", p.named("scheduler-role-arn"), err)
	}
	_, _, err := p.storeKind()
	return err
}

// checkTasks looks at the definitions, and how they go together with the flags.
func (p *program) checkTasks() error {
	if err := p.registry.Err(); err != nil {
		return err
	}
	if err := sqsqueue.CheckNames(p.settings.prefix, p.registry); err != nil {
		return usagef("%s: %w", p.named("queue-prefix"), err)
	}
	return nil
}

// logger returns the logger that the flags ask for. On a terminal the time is enough without the date.
func (p *program) logger() *slog.Logger {
	opts := &slog.HandlerOptions{}
	var level slog.Level
	if err := level.UnmarshalText([]byte(p.settings.logLevel)); err == nil { // checked before
		opts.Level = level
	}
	if p.settings.logFormat == "json" {
		return slog.New(slog.NewJSONHandler(p.jsonTo(p.stderr), opts))
	}
	opts.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			return slog.String(slog.TimeKey, a.Value.Time().Format("15:04:05.000"))
		}
		return a
	}
	return slog.New(slog.NewTextHandler(p.stderr, opts))
}
