package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/spf13/cobra"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/schedules/ticker"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func (p *program) schedulerCommand() *cobra.Command {
	var (
		alone  bool
		health healthFlags
	)
	cmd := &cobra.Command{
		Use:   "scheduler",
		Short: "Fire periodic tasks where EventBridge does not: on LocalStack and other endpoints",
		Long: `Fire periodic tasks where EventBridge does not: on LocalStack and other endpoints.

With --results any number of these may run: each tick is fired once. Without, exactly one may. Each tick that was fired is
printed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := p.api(cmd.Context())
			if err != nil {
				return err
			}
			return p.hint(p.withAnyStore(cmd.Context(), func(store results.Store) error {
				return health.serve(cmd.Context(), func(ctx context.Context) error { return p.schedule(ctx, api, store, alone) })
			}))
		},
	}
	health.add(cmd.Flags())
	cmd.Flags().BoolVar(&alone, "without-eventbridge", false, "on AWS and without --results: EventBridge has no schedules of these tasks, or both would fire them")
	return cmd
}

// schedule fires the periodic tasks until ctx ends. A store may be nil.
func (p *program) schedule(ctx context.Context, api *sqs.Client, store results.Store, alone bool) (err error) {
	logger := p.logger()
	if !standIn(api.Options().BaseEndpoint) && !alone {
		if store == nil {
			return usagef("this is AWS, where EventBridge would fire the same tasks, each tick twice; set --results, with which the second has " +
				"no effect, or say --without-eventbridge")
		}
		logger.Warn("this is AWS: where EventBridge has schedules of these tasks, each tick is sent twice; the second is skipped")
	}
	client, err := sqsqueue.New(api, sqsqueue.Config{Prefix: p.settings.prefix, Logger: logger})
	if err != nil {
		return &usageError{err: err}
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		err = errors.Join(err, client.Close(closing))
	}()
	cfg := ticker.Config{Logger: logger, Fired: p.fired()}
	var sender tasks.Sender = client
	if store != nil {
		sender = results.Track(client, store, logger)
		claims, ok := store.(ticker.Claims)
		if !ok {
			return fmt.Errorf("the results store %s keeps no claims of schedulers", p.settings.results)
		}
		cfg.Claims = claims
	}
	firing, err := ticker.New(p.registry, sender, cfg)
	if err != nil {
		return err
	}
	if err := p.announce(ctx, client, store != nil); err != nil {
		return err
	}
	firing.Run(ctx)
	return nil
}

// announce checks that the queues are there, and says what will be fired and when.
func (p *program) announce(ctx context.Context, client *sqsqueue.Client, shared bool) error {
	var rows [][]any
	for _, task := range p.registry.Tasks() {
		info := task.Info()
		if info.Schedule == nil {
			continue
		}
		if _, err := client.URL(ctx, info.Queue); err != nil {
			return err
		}
		next := "never again"
		if tick := info.Schedule.Next(time.Now()); !tick.IsZero() {
			next = tick.Format(time.RFC3339)
		}
		rows = append(rows, []any{info.Name, info.Queue, info.Schedule, next})
	}
	if err := table(p.stderr, "TASK\tQUEUE\tSCHEDULE\tNEXT", rows...); err != nil {
		return err
	}
	if !shared {
		p.say("No results store: exactly one scheduler may run, and what it misses while it is stopped is never caught up.")
	}
	p.say("scheduler started")
	return nil
}

// fired returns what prints each tick that was fired, a line each.
func (p *program) fired() func(ticker.Firing) {
	var mu sync.Mutex
	return func(f ticker.Firing) {
		mu.Lock()
		defer mu.Unlock()
		if p.settings.output == "json" {
			_ = json.NewEncoder(p.jsonTo(p.stdout)).Encode(f) // nobody reads it any more
			return
		}
		_ = printf(p.stdout, "%s  %s\n", f.At.In(f.Tick.Location()).Format("2006-01-02T15:04:05.000Z07:00"), f.JobID)
	}
}
