package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/coretasks/core/deadletters"
	"github.com/coretasks/core/results"
	"github.com/coretasks/core/tasks"
)

func (p *program) jobsRetryCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "retry ID",
		Short: "Run a dead job again: send its dead letter back to its queue",
		Long: `Run a dead job again, with all its attempts: its dead letter goes back to its queue, and its record to queued.

Without a record, or without a results store, the dead letters of all queues are searched.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.withAnyStore(cmd.Context(), func(store results.Store) error {
				return p.retry(cmd.Context(), store, args[0])
			})
		},
	}
}

func (p *program) retry(ctx context.Context, store results.Store, id string) error {
	record, queues, err := p.whereabouts(ctx, store, id)
	if err != nil {
		return err
	}
	for _, queue := range queues {
		var missing *deadletters.NotFoundError
		err := p.withLetters(ctx, queue, store, func(q *deadletters.Queue) error {
			return p.redrive(ctx, q, deadletters.Redrive{Filter: deadletters.Filter{ID: id}})
		})
		if !errors.As(err, &missing) {
			return err
		}
		if missing.Hidden > 0 {
			return err
		}
	}
	switch record.State {
	case "":
		return fmt.Errorf("job %q: there is no dead letter of it in any queue; enqueue it anew", id)
	case tasks.StateDead:
		return fmt.Errorf("job %q is dead, but its letter is no longer in queue %q's dead-letter queue: it was redriven already, purged, or is older than the queue keeps it; enqueue the job anew", id, record.Queue)
	default:
		return &results.ActiveError{Record: record}
	}
}

// whereabouts says in which queues to look for a job's dead letter. A job that has ended otherwise has none.
func (p *program) whereabouts(ctx context.Context, store results.Store, id string) (tasks.Record, []string, error) {
	var all []string
	for _, q := range p.registry.Queues() {
		all = append(all, q.Name)
	}
	if store == nil {
		return tasks.Record{}, all, nil
	}
	record, err := store.Get(ctx, id)
	switch {
	case errors.Is(err, results.ErrNotFound):
		return tasks.Record{}, all, nil
	case err != nil:
		return tasks.Record{}, nil, err
	case record.State == tasks.Succeeded:
		return record, nil, &results.FinishedError{Record: record}
	case record.State == tasks.Cancelled:
		return record, nil, fmt.Errorf("%w; a cancelled job stays so: enqueue it anew", &results.FinishedError{Record: record})
	}
	return record, []string{record.Queue}, nil
}
