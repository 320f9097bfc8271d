package results

import (
	"context"
	"log/slog"
	"time"

	"github.com/coretasks/core/internal/guard"
)

// OnCancel returns the store with what must also be done when a job is cancelled, such as deleting the one-time schedule
// that would put it on its queue. What drop can't do is logged and no more: a worker skips a cancelled job.
func OnCancel(store Store, drop func(ctx context.Context, id string) error, logger *slog.Logger) Store {
	if logger == nil {
		logger = slog.Default()
	}
	return &dropper{Store: store, drop: drop, logger: guard.Logger(logger)}
}

type dropper struct {
	Store
	drop   func(context.Context, string) error
	logger *slog.Logger
}

// Cancel implements [Store].
func (d *dropper) Cancel(ctx context.Context, id string, at time.Time) (Record, error) {
	record, err := d.Store.Cancel(ctx, id, at)
	if err == nil && record.State == Cancelled {
		if err := guard.Try(func() error { return d.drop(ctx, id) }); err != nil {
			d.logger.Warn("a cancelled job's schedule was not deleted; a worker will skip the job", "job", id, "error", err)
		}
	}
	return record, err
}
