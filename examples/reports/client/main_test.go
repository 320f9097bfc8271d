package main

import (
	"context"
	"errors"
	"testing"

	"github.com/coretasks/core/tasks"
)

var errFull = errors.New("full")

// A fakeQueue takes what accept allows.
type fakeQueue struct {
	accept   func(tasks.Message) bool
	accepted []tasks.Message
}

func (q *fakeQueue) Send(_ context.Context, msgs []tasks.Message) []error {
	errs := make([]error, len(msgs))
	for i, m := range msgs {
		if q.accept(m) {
			q.accepted = append(q.accepted, m)
		} else {
			errs[i] = errFull
		}
	}
	return errs
}

func TestEnqueue(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		accept func(tasks.Message) bool
		want   int // jobs on the queue
		failed int // items of the BulkError, or -1 where it is another error
	}{
		{"all", func(tasks.Message) bool { return true }, 10, 0},
		{"all but those of user 4", func(m tasks.Message) bool {
			return string(m.Envelope.Params) != `{"user_id":4,"report_type":"daily"}`
		}, 9, 1},
		{"none", func(tasks.Message) bool { return false }, 0, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			queue := &fakeQueue{accept: tt.accept}
			err := enqueue(t.Context(), queue)
			if len(queue.accepted) != tt.want {
				t.Errorf("%d jobs are on the queue, want %d", len(queue.accepted), tt.want)
			}
			bulk, isBulk := errors.AsType[*tasks.BulkError](err)
			switch {
			case tt.failed == 0 && err != nil:
				t.Errorf("error = %v, want none", err)
			case tt.failed != 0 && !errors.Is(err, errFull):
				t.Errorf("error = %v, want the queue's", err)
			case tt.failed > 0 && (!isBulk || len(bulk.Items) != tt.failed):
				t.Errorf("error = %v, want a BulkError of %d", err, tt.failed)
			}
		})
	}
}
