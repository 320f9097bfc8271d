package results_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/results"
)

// cancelled is a store of one job, which it cancels, or of one that runs.
type cancelled struct {
	results.Store
	state results.State
	err   error
}

func (c cancelled) Cancel(_ context.Context, id string, _ time.Time) (results.Record, error) {
	return results.Record{ID: id, State: c.state}, c.err
}

func TestOnCancel(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		store   cancelled
		dropErr error
		dropped string
		logged  string
	}{
		"a waiting job":              {store: cancelled{state: results.Cancelled}, dropped: "j"},
		"one that runs":              {store: cancelled{state: results.Running}},
		"one that is finished":       {store: cancelled{state: results.Succeeded, err: errors.New("finished")}},
		"what can't be deleted":      {store: cancelled{state: results.Cancelled}, dropErr: errors.New("denied"), dropped: "j", logged: "denied"},
		"what could not be recorded": {store: cancelled{state: results.Cancelled, err: errors.New("down")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			dropped := ""
			store := results.OnCancel(tt.store, func(_ context.Context, id string) error { dropped = id; return tt.dropErr }, slog.New(slog.NewTextHandler(&log, nil)))
			record, err := store.Cancel(t.Context(), "j", time.Time{})
			if !errors.Is(err, tt.store.err) || record.State != tt.store.state || dropped != tt.dropped {
				t.Errorf("%+v, %v, dropped %q", record, err, dropped)
			}
			if tt.logged == "" && log.Len() > 0 || !strings.Contains(log.String(), tt.logged) {
				t.Errorf("logged %s", &log)
			}
		})
	}
}
