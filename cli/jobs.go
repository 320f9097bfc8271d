package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/tasks"
)

func (p *program) jobsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "Ask what became of jobs, follow one, cancel one, run a dead one again",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return usagef("name one of: get, watch, list, cancel, retry")
		},
	}
	cmd.AddCommand(p.jobsGetCommand(), p.jobsWatchCommand(), p.jobsListCommand(), p.jobsCancelCommand(), p.jobsRetryCommand())
	return cmd
}

func (p *program) jobsGetCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "get ID",
		Short: "Print a job's record",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withStore(cmd.Context(), func(store results.Store) error {
				record, err := store.Get(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return p.printRecord(record)
			})
		},
	}
}

func (p *program) jobsCancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID",
		Short: "Prevent a waiting job, or interrupt one that runs",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withStore(cmd.Context(), func(store results.Store) error {
				store, err := p.cancelling(cmd.Context(), store)
				if err != nil {
					return err
				}
				record, err := store.Cancel(cmd.Context(), args[0], time.Now().UTC())
				if err != nil {
					return err
				}
				return p.printRecord(record)
			})
		},
	}
}

// cancelling is the store, with the deletion of what would still put a cancelled job on its queue where that is configured.
func (p *program) cancelling(ctx context.Context, store results.Store) (results.Store, error) {
	if !p.settings.local && p.settings.role == "" {
		return store, nil
	}
	api, err := p.schedulerAPI(ctx)
	if err != nil {
		return nil, err
	}
	later, err := p.later(api)
	return p.forgetful(store, later), err
}

func (p *program) jobsListCommand() *cobra.Command {
	var filter results.Filter
	var state string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List jobs, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter.State = results.State(state)
			return p.withStore(cmd.Context(), func(store results.Store) error {
				page, err := store.List(cmd.Context(), filter)
				if err != nil {
					return err
				}
				return p.print(page, func(w io.Writer) error { return printPage(w, page) })
			})
		},
	}
	cmd.Flags().StringVar(&filter.Task, "task", "", "only jobs of this task")
	textVar(cmd.Flags(), &state, "state", "", optional(oneOf(results.States())),
		"only jobs in this state: queued, running, retrying, succeeded, dead or cancelled")
	numberVar(cmd.Flags(), &filter.Limit, "limit", results.DefaultPage, bound[int]{least: 1, most: results.MaxPage},
		"how many jobs")
	cmd.Flags().StringVar(&filter.Cursor, "cursor", "", "go on where another listing ended")
	return cmd
}

func printPage(w io.Writer, page results.Page) error {
	rows := make([][]any, len(page.Records))
	for i, r := range page.Records {
		rows[i] = []any{r.ID, r.Task, r.State, r.Attempt, r.UpdatedAt.Local().Format(time.DateTime), note(r)}
	}
	if err := table(w, "ID\tTASK\tSTATE\tATTEMPT\tCHANGED\tNOTE", rows...); err != nil {
		return err
	}
	if page.Next != "" {
		return printf(w, "more with --cursor %s\n", page.Next)
	}
	return nil
}

// note is what a line has room for beside a job's state.
func note(r tasks.Record) string {
	switch {
	case r.Error != "":
		return oneLine(errors.New(r.Error))
	case r.State == tasks.Running && (r.Progress > 0 || r.ProgressText != ""):
		return fmt.Sprintf("%.0f %% %s", r.Progress*100, r.ProgressText)
	case r.CancelRequested:
		return "cancellation requested"
	}
	return ""
}

func (p *program) printRecord(r tasks.Record) error {
	return p.print(r, func(w io.Writer) error {
		return fields(w,
			field{"id", r.ID, true},
			field{"task", r.Task, true},
			field{"queue", r.Queue, true},
			field{"state", r.State, true},
			field{"attempt", r.Attempt, r.Attempt > 0},
			field{"requeues", r.Requeues, r.Requeues > 0},
			field{"enqueued", r.EnqueuedAt.Local().Format(time.DateTime), !r.EnqueuedAt.IsZero()},
			field{"started", r.StartedAt.Local().Format(time.DateTime), !r.StartedAt.IsZero()},
			field{"retry at", r.RetryAt.Local().Format(time.DateTime), !r.RetryAt.IsZero()},
			field{"finished", r.FinishedAt.Local().Format(time.DateTime), !r.FinishedAt.IsZero()},
			field{"progress", fmt.Sprintf("%.0f %% %s", r.Progress*100, r.ProgressText), r.Progress > 0 || r.ProgressText != ""},
			field{"cancel", "requested", r.CancelRequested && !r.State.Final()},
			field{"reason", r.Reason, r.Reason != ""},
			field{"error", passage(r.Error), r.Error != ""},
			field{"result", code(escape(compact(r.Result), true)), len(r.Result) > 0},
		)
	})
}

func (p *program) jobsWatchCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "watch ID",
		Short: "Follow a job until it ends; exit code 1 if it did not succeed",
		Long:  "Follow a job until it ends: with a progress bar on a terminal, with a line for each change elsewhere.\nThe record is printed at the end; the exit code is 1 if the job did not succeed.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withStore(cmd.Context(), func(store results.Store) error {
				if _, err := store.Get(cmd.Context(), args[0]); err != nil {
					return err
				}
				record, err := p.follow(cmd.Context(), store, args[0], timeout)
				if err != nil {
					return err
				}
				if err := p.printRecord(record); err != nil {
					return err
				}
				return failure(record)
			})
		},
	}
	lengthVar(cmd.Flags(), &timeout, "timeout", 0, bound[time.Duration]{}, "give up after this time (default never)")
	return cmd
}

// follow shows a job's way on standard error until it ends.
func (p *program) follow(ctx context.Context, store results.Store, id string, timeout time.Duration) (tasks.Record, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it took longer than the timeout of %v", timeout))
		defer cancel()
	}
	show := p.newProgress()
	defer show.done()
	return tasks.WaitRecord(ctx, store, id, show.record)
}

// failure is the error of a command that waited for a job which did not succeed.
func failure(r tasks.Record) error {
	switch r.State {
	case tasks.Succeeded:
		return nil
	case tasks.StateDead:
		return &tasks.DeadError{Record: r}
	default:
		return fmt.Errorf("job %q: %w", r.ID, tasks.ErrCancelled)
	}
}
