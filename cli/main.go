// Package cli is the command line of a program with tasks: one binary with every command, from the development
// environment to the worker. A program's main is one line:
//
//	func main() { cli.Main(tasks.NewRegistry(reports.Generate, reports.Email)) }
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/httpapi"
	"github.com/coretasks/core/lambdaworker"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/tasks"
)

// Exit codes.
const (
	exitOK    = 0
	exitError = 1
	exitUsage = 2
	// exitChanges is that of 'schedules plan' where there is something to apply, as Terraform's.
	exitChanges = 2
)

// errChanges ends a command whose answer, on standard output, is that something differs.
var errChanges = errors.New("there are changes")

// An Option adapts the command line to its program.
type Option func(*program)

// Example names a task and parameters that work, for the commands that say what to try next.
func Example(task, params string) Option {
	return func(p *program) { p.example = fmt.Sprintf("enqueue --local %s '%s'", task, params) }
}

// A Web is what a program's own pages in 'core dev' may use.
type Web struct {
	// Queue sends jobs and makes their records.
	Queue tasks.Sender
	// Store has the records of jobs.
	Store results.Store
	// API has the routes of the HTTP API: a page can follow a job by its ServeJob, which needs no token.
	API *httpapi.API
}

// WithWeb serves a program's own pages beside the HTTP API in 'core dev': whatever is no route of the API goes to the
// handler that build makes.
func WithWeb(build func(Web) http.Handler) Option {
	return func(p *program) { p.web = build }
}

// Main runs the command line of the process with the tasks of the registry, and exits: 0 when all went well, 1 after an
// error, which is told in one line on standard error, 2 after wrong usage or when a plan has changes. Started by AWS
// Lambda, it is the function that works the program's queues.
//
// SIGINT, SIGTERM and, unless it is ignored, SIGHUP end a long-running command cleanly. Those that follow within two
// seconds count as the same one. A later one makes a worker interrupt what runs and give everything back, within a few
// seconds. On SIGUSR1 a worker fetches no more messages and goes on with what runs, until it is told to stop.
func Main(r *tasks.Registry, opts ...Option) {
	ctx, control := heedSignals()
	os.Exit(Run(ctx, r, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, append(slices.Clone(opts), withControl(control))...))
}

// Run is Main without the process: it returns the exit code, and ends a long-running command when ctx ends.
func Run(ctx context.Context, r *tasks.Registry, args []string, stdin io.Reader, stdout, stderr io.Writer, opts ...Option) int {
	p := &program{registry: r, name: programName(), stdin: stdin, stdout: plain{w: stdout}, stderr: plain{w: stderr}}
	for _, opt := range opts {
		opt(p)
	}
	if onLambda(args) {
		options, err := p.functionOptions(ctx)
		if err != nil {
			p.complain(err)
			return exitError
		}
		lambdaworker.Start(r, options...) // never returns
	}
	root := p.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	if errors.Is(err, errChanges) {
		return exitChanges
	}
	p.complain(err)
	if usage := (*usageError)(nil); errors.As(err, &usage) || !p.started {
		p.say("See '%s --help'.", strings.Replace(cmd.CommandPath(), "core", p.name, 1))
		return exitUsage
	}
	return exitError
}

// complain tells an error on standard error.
func (p *program) complain(err error) { _, _ = fmt.Fprintf(p.stderr, "core: %s\n", message(err)) }

// program is what the commands share.
type program struct {
	registry       *tasks.Registry
	name           string // how the user calls this program
	example        string
	web            func(Web) http.Handler
	stdin          io.Reader
	stdout, stderr io.Writer

	control   *control // nil where nobody sends signals
	settings  settings
	variables map[string]bool // the flags that variables have set
	started   bool            // a command's own code was reached, so an error is no longer one of usage
}

// usageError is a command line that can't be meant.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{err: fmt.Errorf(format, args...)} }

// message writes an error on one line, unless it shows a place in a cron expression, which stands on lines of its own.
func message(err error) string {
	if _, shows := errors.AsType[*tasks.CronError](err); shows {
		return strings.TrimSpace(err.Error())
	}
	return line(oneLine(err))
}

// oneLine writes an error on one line: joined errors stand on several.
func oneLine(err error) string { return strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "; ") }

// root is the command with all the others below it.
func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "core",
		Short:         "Background tasks on SQS: define, delay, work",
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := p.fromEnvironment(cmd.Flags()); err != nil {
				return err
			}
			if err := p.check(); err != nil {
				return err
			}
			p.started = true
			return p.checkTasks()
		},
	}
	root.SetFlagErrorFunc(wrongFlag)
	p.settings.flags(root.PersistentFlags())
	root.AddCommand(
		p.devCommand(), p.localCommand(), p.workerCommand(), p.schedulerCommand(), p.runCommand(), p.enqueueCommand(),
		p.jobsCommand(), p.queuesCommand(), p.schedulesCommand(), p.dlqCommand(), p.resultsCommand(), p.doctorCommand(),
		p.healthCommand(), p.manifestCommand(), p.versionCommand(),
	)
	return root
}
