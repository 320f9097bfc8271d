package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/coretasks/core/internal/scalein"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// workerFlags are those of every command that has a worker.
type workerFlags struct {
	queues []string
	config sqsqueue.WorkerConfig
}

func (f *workerFlags) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.queues, "queue", nil, "queue to work, as NAME or NAME=WEIGHT; repeat it for more (default all queues)")
	numberVar(flags, &f.config.Concurrency, "concurrency", sqsqueue.DefaultConcurrency, bound[int]{least: 1},
		"how many jobs run at once")
	lengthVar(flags, &f.config.ShutdownTimeout, "shutdown-timeout", sqsqueue.DefaultShutdownTimeout,
		// What is less than a second the worker refuses; 0 would be its default.
		bound[time.Duration]{least: 1, rule: "it must be 1s or more"}, "how long a clean shutdown may take")
	lengthVar(flags, &f.config.Grace, "grace", tasks.DefaultGrace, bound[time.Duration]{least: 1, rule: "it must be more than 0"},
		"how long a task may ignore its cancellation before its slot is freed")
}

// parse reads the queues with their weights.
func (f *workerFlags) parse() error {
	for _, text := range f.queues {
		name, weight, weighted := strings.Cut(text, "=")
		q := sqsqueue.QueueWeight{Name: name, Weight: 1}
		if weighted {
			n, err := strconv.Atoi(weight)
			if err != nil || n < 1 || n > sqsqueue.MaxWeight {
				return usagef("--queue %q is invalid: the weight must be a whole number of 1 or more, up to %d",
					text, sqsqueue.MaxWeight)
			}
			q.Weight = n
		}
		f.config.Queues = append(f.config.Queues, q)
	}
	return nil
}

func (p *program) workerCommand() *cobra.Command {
	var (
		flags  workerFlags
		health healthFlags
	)
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Work the jobs of queues until told to stop",
		Long: `Work the jobs of queues until told to stop.

SIGTERM, SIGINT and SIGHUP stop it cleanly: it lets what runs finish within --shutdown-timeout and gives the rest back.
Signals that follow within two seconds count as the same one; a later one interrupts what runs and gives everything back
within a few seconds. On SIGUSR1 it fetches no more messages, and goes on with what runs until it is told to stop.`,
		Example: "  core worker --queue default --queue high-priority=3 --concurrency 4",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := flags.parse(); err != nil {
				return err
			}
			api, err := p.api(cmd.Context())
			if err != nil {
				return err
			}
			return p.hint(p.withAnyStore(cmd.Context(), func(store results.Store) error {
				return health.serve(cmd.Context(), func(ctx context.Context) error {
					return p.protected(ctx, func(ctx context.Context) error { return p.work(ctx, api, store, flags.config, nil) })
				})
			}))
		},
	}
	flags.add(cmd.Flags())
	health.add(cmd.Flags())
	if err := cmd.RegisterFlagCompletionFunc("queue", p.completeQueue); err != nil {
		panic(err) // the flag is right above
	}
	return cmd
}

// work checks the queues and works them until ctx ends, with records in the store unless that is nil. It calls ready, if any, when the worker is about to start.
func (p *program) work(ctx context.Context, api sqsqueue.API, store results.Store, cfg sqsqueue.WorkerConfig, ready func()) (err error) {
	logger := p.logger()
	client, err := sqsqueue.New(api, sqsqueue.Config{Prefix: p.settings.prefix, Logger: logger})
	if err != nil {
		return &usageError{err: err}
	}
	if err := p.checkQueues(ctx, client, cfg, logger); err != nil {
		if ctx.Err() != nil {
			return nil // it was told to stop before it began
		}
		return err
	}
	recorder := p.recorder(store, logger)
	if recorder != nil {
		cfg.Recorder = recorder
		defer func() {
			closing, cancel := p.closing(ctx)
			defer cancel()
			err = errors.Join(err, recorder.Close(closing))
		}()
	}
	worker, err := sqsqueue.NewWorker(client, p.registry, cfg)
	if err != nil {
		return err
	}
	if ready == nil {
		logger.Info("worker started", "queues", strings.Join(p.queueList(cfg), ","), "concurrency", cfg.Concurrency)
	} else {
		ready()
	}
	release := p.obeySignals(worker)
	err = worker.Run(ctx)
	release()
	closing, cancel := p.closing(ctx)
	defer cancel()
	return errors.Join(err, client.Close(closing))
}

// closing is the context in which what a worker used is closed.
func (p *program) closing(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := sqsqueue.DefaultShutdownTimeout
	if p.control.hurried() {
		limit = time.Second
	}
	return context.WithTimeout(context.WithoutCancel(ctx), limit)
}

// protected keeps the ECS task that this process runs in, if any, from being scaled in while do runs long jobs.
func (p *program) protected(ctx context.Context, do func(context.Context) error) error {
	agent := os.Getenv(scalein.AgentVar)
	if agent == "" {
		return do(ctx)
	}
	guard := scalein.New(agent, http.DefaultClient, p.logger())
	p.registry.Use(guard.Middleware)
	// Jobs still run when ctx has ended, for as long as the shutdown takes.
	guarding, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wait sync.WaitGroup
	wait.Go(func() { guard.Run(guarding) })
	defer wait.Wait()
	defer stop()
	return do(ctx)
}

// checkQueues says what is wrong with the queues and what mends it; what makes work impossible is an error.
func (p *program) checkQueues(ctx context.Context, client *sqsqueue.Client, cfg sqsqueue.WorkerConfig, logger *slog.Logger) error {
	names := make([]string, len(cfg.Queues))
	for i, q := range cfg.Queues {
		names[i] = q.Name
	}
	problems, err := sqsqueue.Check(ctx, client, p.registry, names...)
	if err != nil {
		return err
	}
	var fatal []string
	for _, problem := range problems {
		if problem.Fatal {
			fatal = append(fatal, fmt.Sprintf("queue %q: %s", problem.Queue, problem.Text))
			continue
		}
		logger.Warn("queue does not fit the tasks", "queue", problem.Queue, "problem", problem.Text, "mend", p.command(problem.Mend))
	}
	if len(fatal) > 0 {
		return fmt.Errorf("%s; create what is missing with '%s'", strings.Join(fatal, "; "), p.command(sqsqueue.MendApply))
	}
	return nil
}

// command turns a "core ..." command into what this user would type.
func (p *program) command(text string) string {
	text = p.name + strings.TrimPrefix(text, "core")
	if p.settings.local {
		text += " --local"
	}
	return text
}

func (p *program) queueList(cfg sqsqueue.WorkerConfig) []string {
	var names []string
	for _, q := range cfg.Queues {
		names = append(names, q.Name)
	}
	if len(names) == 0 {
		for _, q := range p.registry.Queues() {
			names = append(names, q.Name)
		}
	}
	return names
}

func (p *program) completeQueue(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return p.queueList(sqsqueue.WorkerConfig{}), cobra.ShellCompDirectiveNoFileComp
}
