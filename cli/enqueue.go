package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func (p *program) enqueueCommand() *cobra.Command {
	var (
		countdown time.Duration
		timeout   time.Duration
		wait      bool
		id        string
	)
	cmd := &cobra.Command{
		Use:   "enqueue TASK [JSON]",
		Short: "Enqueue a job by its task's name and print the job's ID",
		Long: `Enqueue a job by its task's name and print the job's ID.

The parameters are one JSON value; without them they are {}, and with - they are read from standard input.`,
		Example:           "  core enqueue --local reports.generate '{\"user_id\":1,\"report_type\":\"monthly\"}'\n  core enqueue reports.generate --countdown 60s - < params.json",
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: p.completeTask,
		RunE: func(cmd *cobra.Command, args []string) error {
			task, err := p.registry.Task(args[0])
			if err != nil {
				return err
			}
			params := []byte("{}")
			switch {
			case len(args) == 2 && args[1] == "-":
				params, err = input(cmd.Context(), func() ([]byte, error) { return io.ReadAll(p.stdin) })
				if err != nil {
					return fmt.Errorf("read the parameters from standard input: %w", err)
				}
			case len(args) == 2:
				params = []byte(args[1])
			}
			return p.withAnyStore(cmd.Context(), func(store results.Store) error {
				var then func(tasks.Job) error
				switch {
				case wait && store == nil:
					return fmt.Errorf("--wait: %w", errNoStore)
				case wait:
					then = func(job tasks.Job) error { return p.result(cmd.Context(), store, job, timeout) }
				}
				options := []tasks.DelayOption{tasks.Countdown(countdown)}
				if cmd.Flags().Changed("job-id") {
					options = append(options, tasks.JobID(id))
				}
				err := p.enqueue(cmd.Context(), task, params, store, then, options...)
				if e, ok := errors.AsType[*tasks.EnqueueError](err); ok && e.Unknown() {
					return fmt.Errorf("%w; enqueue it again with --job-id %s: with a results store the work is done once", err, e.Job.ID)
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait for the job's end and print its result; exit code 1 if it did not succeed or has no result")
	lengthVar(cmd.Flags(), &timeout, "timeout", 0, bound[time.Duration]{},
		"with --wait, give up after this time (default never)")
	lengthVar(cmd.Flags(), &countdown, "countdown", 0, unbounded,
		"wait so long before the job runs, such as 60s, 36h or 3d")
	cmd.Flags().StringVar(&id, "job-id", "", "an ID of your own, or that of a job to send again whose fate is not known (default a new one)")
	return cmd
}

// enqueueWithRecord sends one job, with a record of it where the flags ask for a store.
func (p *program) enqueueWithRecord(ctx context.Context, task tasks.AnyTask, params []byte) error {
	return p.withAnyStore(ctx, func(store results.Store) error { return p.enqueue(ctx, task, params, store, nil) })
}

// enqueue sends one job, with a record of it where there is a store. It prints the job's ID, or calls then.
func (p *program) enqueue(ctx context.Context, task tasks.AnyTask, params []byte, store results.Store, then func(tasks.Job) error, options ...tasks.DelayOption) error {
	return p.withClient(ctx, func(client *sqsqueue.Client) error {
		var to tasks.Sender = client
		if store != nil && !p.settings.finalOnly {
			to = results.Track(client, store, p.logger())
		}
		job, err := task.DelayJSON(ctx, to, params, options...)
		if err != nil {
			return err
		}
		if then != nil {
			return then(job)
		}
		return p.print(job, func(w io.Writer) error { return printf(w, "%s\n", job.ID) })
	})
}

// result follows a job to its end and prints what it returned.
func (p *program) result(ctx context.Context, store results.Store, job tasks.Job, timeout time.Duration) error {
	p.say("job %s", job.ID)
	record, err := p.follow(ctx, store, job.ID, timeout)
	if err != nil {
		return err
	}
	if err := failure(record); err != nil {
		return err
	}
	if len(record.Result) == 0 {
		return &tasks.NoResultError{Record: record}
	}
	return p.printResult(record)
}

// printResult prints what a job returned, as the JSON that it is.
func (p *program) printResult(r tasks.Record) error {
	return p.print(r, func(w io.Writer) error {
		_, err := fmt.Fprintln(p.jsonTo(w), compact(r.Result))
		return err
	})
}

func (p *program) completeTask(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, t := range p.registry.Tasks() {
		names = append(names, t.Info().Name)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
