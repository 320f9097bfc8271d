package tasks_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coretasks/core/tasks"
)

func TestWait(t *testing.T) {
	t.Parallel()
	task := tasks.Define("sum", func(context.Context, none) (int, error) { return 0, nil })
	synctest.Test(t, func(t *testing.T) {
		s := &shelf{records: []tasks.Record{
			{ID: "j", Task: "sum", State: tasks.Queued}, {ID: "j", Task: "sum", State: tasks.Running},
			{ID: "j", Task: "sum", State: tasks.Succeeded, Result: json.RawMessage("42")},
		}}
		if got, err := task.Wait(t.Context(), s, "j"); got != 42 || err != nil || s.looks != 3 {
			t.Errorf("got %v, %v after %d looks", got, err, s.looks)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		s = &shelf{records: []tasks.Record{{ID: "j", Task: "sum", State: tasks.Running}}}
		if _, err := task.Wait(ctx, s, "j"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, tasks.ErrNotFinished) {
			t.Errorf("error %v, want both that it is not finished and that time is over", err)
		}
		if s.looks > 2000 {
			t.Errorf("%d looks in an hour", s.looks)
		}
	})
}
