package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/pflag"
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
	f.StringVar(&s.localAddr, "local-addr", DefaultLocalAddr, "address of the embedded queue")
	f.StringVar(&s.prefix, "queue-prefix", "", "put before every queue's name, to keep environments apart")
	f.StringVar(&s.application, "application", "", "name of the application, which its schedule groups are named after (default the last part of the module's path)")
	f.StringVar(&s.role, "scheduler-role-arn", "", "role in which EventBridge puts messages on the queues; with it, countdowns over 15 minutes become one-time schedules")
	f.StringVar(&s.results, "results", "", "where records of jobs are kept: none, sqlite://FILE or dynamodb://TABLE (default none; with --local a file in the state directory)")
	f.BoolVar(&s.finalOnly, "results-final-only", false, "write only how jobs end: one write a job instead of three, but no progress and no cancelling")
	f.StringVar(&s.output, "output", "text", "how to print data: text or json")
	f.StringVar(&s.logFormat, "log-format", "text", "how to log, on standard error: text or json")
	f.StringVar(&s.logLevel, "log-level", "info", "what to log: debug, info, warn or error")
}

func (s *settings) check() error {
	if s.output != "text" && s.output != "json" {
		return usagef("--output %q is invalid: use text or json", s.output)
	}
	if s.logFormat != "text" && s.logFormat != "json" {
		return usagef("--log-format %q is invalid: use text or json", s.logFormat)
	}
	if err := new(slog.Level).UnmarshalText([]byte(s.logLevel)); err != nil {
		return usagef("--log-level %q is invalid: use debug, info, warn or error", s.logLevel)
	}
	if _, _, err := net.SplitHostPort(s.localAddr); err != nil {
		return usagef("--local-addr %q is invalid: use host:port, such as %s", s.localAddr, DefaultLocalAddr)
	}
	return nil
}

// fromEnvironment gives each flag that is not on the command line the value of its variable: --queue-prefix is
// CORE_QUEUE_PREFIX.
func fromEnvironment(flags *pflag.FlagSet) error {
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "CORE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := os.LookupEnv(name)
		if !ok || value == "" || f.Changed || f.Name == "help" {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s=%q is invalid: %w", name, value, err))
		}
	})
	if len(errs) > 0 {
		return &usageError{err: errors.Join(errs...)}
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
