package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func (p *program) devCommand() *cobra.Command {
	var (
		endpoint endpointFlags
		worker   workerFlags
		function functionFlags
		addr     string
	)
	cmd := &cobra.Command{
		Use:   "dev [--lambda [BINARY]]",
		Short: "Run everything in one process on the embedded queue, with nothing to install",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(worker.parse(), function.parse(args), checkToken(), checkLocalRegion()); err != nil {
				return err
			}
			if err := checkLoopback(addr, endpoint.allowRemote && os.Getenv(tokenVar) != ""); err != nil {
				return err
			}
			p.settings.local = true
			return p.serveLocal(cmd.Context(), endpoint, func(ctx context.Context, em *emulator.Emulator) error {
				return p.dev(ctx, em, addr, worker.config, function)
			})
		},
	}
	textVar(cmd.Flags(), &addr, "addr", DefaultAPIAddr, address(DefaultAPIAddr), "address of the HTTP API")
	lengthVar(cmd.Flags(), &worker.config.MaxVisibilityTimeout, "visibility-timeout", devVisibility,
		bound[time.Duration]{least: tasks.MinVisibilityTimeout, most: tasks.MaxVisibilityTimeout},
		"how long jobs wait that ran when 'dev' was killed, at most; a debugger that stops it for longer makes its jobs run again")
	endpoint.add(cmd)
	worker.add(cmd.Flags())
	function.add(cmd)
	return cmd
}

// devVisibility is how soon the jobs of a 'core dev' that was killed run again in the next one. A laptop is no network:
// heartbeats come in time.
const devVisibility = 10 * time.Second

// dev works the embedded queue in the same process, through the very client that AWS gets, and serves the HTTP API.
func (p *program) dev(ctx context.Context, em *emulator.Emulator, addr string, cfg sqsqueue.WorkerConfig, function functionFlags) error {
	queues, events := em.SQS().In(localRegion()), em.Scheduler().In(localRegion())
	client, err := sqsqueue.New(queues, sqsqueue.Config{Prefix: p.settings.prefix, Logger: p.logger()})
	if err != nil {
		return &usageError{err: err}
	}
	if _, err := sqsqueue.Apply(ctx, client, p.registry); err != nil {
		return err
	}
	if err := p.applyLocal(ctx, events, client); err != nil {
		return err
	}
	return p.withAnyStore(ctx, func(store results.Store) error {
		return p.serveAPI(ctx, apiSite{queues: queues, events: events, ages: queues, store: store, addr: addr, pages: true}, func(ctx context.Context) error {
			if function.lambda {
				return p.workByFunction(ctx, em, client, function, cfg, func() { p.welcome(em, addr, cfg, p.describeFunction(function)) })
			}
			return p.work(ctx, queues, store, cfg, func() { p.welcome(em, addr, cfg, "") })
		})
	})
}

// welcome says in a few lines what is running and what to try next; by is what works the queues, if not this process.
func (p *program) welcome(em *emulator.Emulator, addr string, cfg sqsqueue.WorkerConfig, by string) {
	var names []string
	for _, t := range p.registry.Tasks() {
		names = append(names, t.Info().Name)
	}
	p.say("Working %s (%d at once).", strings.Join(names, ", "), cfg.Concurrency)
	if by != "" {
		p.say("  function  %s", by)
	}
	p.say("  queues    %s", strings.Join(p.queueList(cfg), ", "))
	for _, row := range p.periodicRows(time.Now()) {
		if len(row.Next) > 0 {
			p.say("  periodic  %s: %s, next %s", row.Task, row.Schedule, clock(row.Next[0]))
		}
	}
	p.say("  endpoint  http://%s (SQS and EventBridge Scheduler, queues of %s)", p.settings.localAddr, localRegion())
	p.say("  HTTP API  http://%s (described at /openapi.json)", addr)
	if kind, _, _ := p.storeKind(); p.web != nil && kind == storeNone {
		p.say("  pages     none: they need records of jobs, and --results is none")
	} else if p.web != nil {
		p.say("  pages     http://%s/", addr)
	}
	p.say("  state     %s (survives restarts)", StateDir())
	for _, region := range em.Regions() {
		if region != localRegion() {
			p.say("            It has queues of %s too, which AWS_REGION=%s shows.", region, region)
		}
	}
	p.say("Try in another terminal:\n  %s %s", p.name, p.tryNext())
	p.say("Stop with Ctrl-C.")
}

func (p *program) tryNext() string {
	local := ""
	if p.settings.localAddr != DefaultLocalAddr {
		local = " --local-addr " + p.settings.localAddr
	}
	if p.example != "" {
		return p.example + local
	}
	for _, t := range p.registry.Tasks() {
		return fmt.Sprintf("enqueue --local %s '%s'%s", t.Info().Name, sample(t), local)
	}
	return "--help"
}

// sample is a task's parameters with their zero values, to be filled in.
func sample(t tasks.AnyTask) string {
	text, err := tasks.SampleParams(t)
	if err != nil {
		return "{}"
	}
	return string(text)
}
