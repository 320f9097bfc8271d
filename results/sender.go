package results

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/coretasks/core/internal/guard"
	"github.com/coretasks/core/tasks"
)

// A LostError says for how many jobs the store did not learn how they ended, because it was down until the end.
type LostError struct{ Jobs int }

func (e *LostError) Error() string {
	return fmt.Sprintf("the results store was down: how %d jobs ended was not recorded", e.Jobs)
}

// Track returns a sender that makes a record, in state queued, of each job that the given one has sent, or may have sent
// ([tasks.ErrUnknownOutcome]): such a job can be followed and cancelled, and when it is enqueued again with the same ID
// the record stays what it is by then. A job that was refused has none. A job whose record
// can't be written was sent all the same: that is logged, and the worker makes the record when the job starts.
func Track(to tasks.Sender, store Store, logger *slog.Logger) tasks.Sender {
	if logger == nil {
		logger = slog.Default()
	}
	return &tracker{to: to, store: store, logger: guard.Logger(logger)}
}

type tracker struct {
	to     tasks.Sender
	store  Store
	logger *slog.Logger
}

// Send implements [tasks.Sender].
func (t *tracker) Send(ctx context.Context, msgs []tasks.Message) []error {
	errs := t.to.Send(ctx, msgs)
	records := make([]Record, 0, len(msgs))
	for i, m := range msgs {
		if errs == nil || errs[i] == nil || errors.Is(errs[i], tasks.ErrUnknownOutcome) {
			records = append(records, Record{
				ID: m.Envelope.ID, Task: m.Envelope.Task, Queue: m.Queue, State: Queued, EnqueuedAt: m.Envelope.EnqueuedAt,
			})
		}
	}
	failed := 0
	var why error
	panicked := guard.Try(func() error {
		for _, err := range t.store.Enqueue(ctx, records) {
			if err != nil {
				failed++
				why = err
			}
		}
		return why
	})
	if why != nil && panicked != nil { // perhaps in the code of the error itself
		why = panicked
	} else if panicked != nil {
		failed, why = len(records), panicked
	}
	if failed > 0 {
		t.logger.Warn("jobs were enqueued without a record", "jobs", failed, "error", why)
	}
	return errs
}
